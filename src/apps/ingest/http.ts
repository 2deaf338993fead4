import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a path answers. */
export interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** Pages by their paths, made when they are asked for. */
export type Pages = Readonly<Record<string, () => Page>>

/** A server that is listening. */
export interface PageServer {
  readonly port: number
  close(): void
}

/** Serves `pages` by GET and HEAD. Rejects where the port cannot be had. */
export async function servePages(
  pages: Pages,
  port: number,
  address: string | undefined,
): Promise<PageServer> {
  const server = createServer(answering(pages))
  server.listen(port, address)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

const answering =
  (pages: Pages): RequestListener =>
  ({ method = '', url = '' }, response) => {
    const { status, type, body } = pageFor(pages, method, url.replace(/\?.*/, ''))
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
    response.end(method === 'HEAD' ? '' : body)
  }

function pageFor(pages: Pages, method: string, path: string): Page {
  if (!['GET', 'HEAD'].includes(method)) return text(405, 'GET and HEAD alone\n')
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined
  return page?.() ?? text(404, `${Object.keys(pages).join('\n')}\n`)
}

const text = (status: number, body: string): Page => ({
  status,
  type: 'text/plain; charset=utf-8',
  body,
})
