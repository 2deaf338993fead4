import { existsSync } from 'node:fs'
import { type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import { pipeline } from 'node:stream'
import { filter, firstValueFrom } from 'rxjs'
import { fakeArchive } from '../../../../src/testing/index.js'
import { bundle } from '../../../socket/bundle.js'
import { CHROMIUM, openPage } from '../../../socket/chromium.js'
import { refusing } from '../../../socket/servers.js'

const PAGE = (host: string) => `
import { toArray } from 'rxjs'
import { archive$ } from 'rxjs-atproto'

const report = (values) => fetch('/report?' + new URLSearchParams(values))
archive$({ host: '${host}', apiKey: 'secret', verify: 'footer', reconnect: { initialDelayMs: 10 } })
  .pipe(toArray())
  .subscribe({
    next: (events) => {
      const cids = events.filter((event) => event.commit?.cid !== undefined)
      const { cid, record } = cids.at(-1).commit
      report({ events: events.length, cid, type: record.$type })
    },
    error: (error) => report({ error: String(error) }),
  })
`

// What a page needs of the archive's server, or of a proxy in front of it.
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'authorization, content-type, if-range, range',
  'access-control-expose-headers': 'etag, content-range, retry-after',
}

/** Passes requests on, and adds the headers without which a page may not read the answers. */
const withCors = (target: string) =>
  refusing((request: IncomingMessage, response: ServerResponse) => {
    if (request.method === 'OPTIONS') {
      response.writeHead(204, CORS).end()
      return
    }
    const { method, headers, url = '/' } = request
    const forwarded = send(`http://${target}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...CORS })
      // An answer that is cut is cut here too.
      pipeline(answer, response, () => {})
    })
    forwarded.on('error', () => response.destroy())
    request.pipe(forwarded)
  })

const missing = !existsSync(CHROMIUM)
// In CI the absence is a failure, and spec/socket/browser.spec.ts tells it.
const inChromium = missing ? it.skip : it

inChromium(
  'archive$ reads in chromium, with the decoder that is there',
  async () => {
    await using server = await fakeArchive({
      events: 300,
      apiKey: 'secret',
      faults: [{ method: 'getSegment', onRequest: 2, do: 'cut', afterBytes: 100 }],
    })
    await using proxy = await withCors(server.host)
    const { text } = await bundle(PAGE(proxy.url.replace('ws', 'http')), 'browser', {
      platform: 'browser',
      conditions: ['browser'],
      format: 'esm',
    })
    await using page = await openPage(text)
    const report = await firstValueFrom(page.reports$.pipe(filter((one) => one !== '')))
    const last = server.events.findLast(
      (event) => event.kind === 'commit' && event.commit.operation !== 'delete',
    )
    const commit = last?.kind === 'commit' ? last.commit : undefined
    const { $type = '' } = (commit?.record ?? {}) as { readonly $type?: string }
    expect(Object.fromEntries(new URLSearchParams(report))).toEqual({
      events: '300',
      cid: commit?.cid,
      type: $type,
    })
    expect(server.archiveFired).toHaveLength(1)
  },
  120_000,
)
