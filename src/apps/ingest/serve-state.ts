import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Messages } from '../../cli/messages.js'
import { ConfigError, PROMETHEUS_TYPE } from '../../index.js'
import type { IngestState } from './ingest-state.js'
import type { Settings } from './settings.js'

const DEFAULT_PORT = 9090

/**
 * Serves `/metrics` and `/healthz`. Throws if the address, or a port of the settings, is not
 * available; without the default port it only warns.
 */
export async function serveState(
  state: IngestState,
  { metricsPort, metricsAddress }: Pick<Settings, 'metricsPort' | 'metricsAddress'>,
  messages: Messages,
): Promise<PageServer | undefined> {
  if (metricsPort === 'off') return undefined
  try {
    const server = await servePages(pagesOf(state), metricsPort ?? DEFAULT_PORT, metricsAddress)
    messages.info(`/metrics and /healthz are on port ${server.port} of ${metricsAddress}`)
    return server
  } catch (error) {
    const { message, code = '' } = error as NodeJS.ErrnoException
    const option = OF_ADDRESS.has(code) ? 'metrics-address' : 'metrics-port'
    if (metricsPort !== undefined || option === 'metrics-address')
      throw new ConfigError('ingest', [{ option, message: `is not available: ${message}` }])
    messages.warn(`/metrics and /healthz are not served: ${message} (--metrics-port)`)
    return undefined
  }
}

/** What an address gives that this machine does not have. */
const OF_ADDRESS: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'])

const pagesOf = (state: IngestState) => ({
  '/metrics': () => ({
    status: 200,
    type: PROMETHEUS_TYPE,
    body: state.metricsText,
  }),
  '/healthz': () => {
    const reasons = state.problems
    const healthy = reasons.length === 0
    return {
      status: healthy ? 200 : 503,
      type: 'application/json',
      body: `${JSON.stringify({ healthy, reasons, ...state.snapshot })}\n`,
    }
  },
})

/** What the server sends for one path. */
export interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** Pages by path, each made at the request. */
export type Pages = Readonly<Record<string, () => Page>>

/** A server that is listening. */
export interface PageServer {
  readonly port: number
  close(): void
}

/** Serves `pages` over GET and HEAD. Rejects if it cannot listen on the port. */
export async function servePages(pages: Pages, port: number, address: string): Promise<PageServer> {
  const server = createServer(requestListener(pages))
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

const requestListener =
  (pages: Pages): RequestListener =>
  ({ method = '', url = '' }, response) => {
    const { status, type, body } = pageFor(pages, method, url.replace(/\?.*/, ''))
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
    response.end(method === 'HEAD' ? '' : body)
  }

function pageFor(pages: Pages, method: string, path: string): Page {
  if (!['GET', 'HEAD'].includes(method)) return text(405, 'only GET and HEAD\n')
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined
  return page?.() ?? text(404, `${Object.keys(pages).join('\n')}\n`)
}

const text = (status: number, body: string): Page => ({
  status,
  type: 'text/plain; charset=utf-8',
  body,
})
