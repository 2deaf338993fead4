/**
 * Answers two questions on HEALTH_PORT: `/healthz`, whether a restart could help, and `/readyz`,
 * whether the index is fresh enough to be asked.
 */
import { createServer } from 'node:http'
import { healthOf, jetstream$, run } from 'rxjs-atproto'

const { JETSTREAM_HOST, HEALTH_PORT = '9090', HEALTH_ADDRESS = '127.0.0.1' } = process.env

let posts = 0
const indexer = run(
  jetstream$({ host: JETSTREAM_HOST, collections: ['app.bsky.feed.post'] }),
  {
    'app.bsky.feed.post': async () => {
      posts += 1 // your database
    },
  },
  { signals: true },
)

/** Each question, and the limits of its answer. */
const LIMITS = new Map([
  // All hosts may be down for ten minutes: a restart would not bring them back.
  ['/healthz', { withinMs: 600_000 }],
  ['/readyz', { withinMs: 30_000, maxLagMs: 60_000 }],
])

const server = createServer(({ url = '' }, response) => {
  const limits = LIMITS.get(url)
  if (limits === undefined) return void response.writeHead(404).end()
  const { healthy, reasons } = healthOf(indexer.metrics$.value, limits)
  response.writeHead(healthy ? 200 : 503, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify({ healthy, reasons, posts })}\n`)
})
server.listen(Number(HEALTH_PORT), HEALTH_ADDRESS, () => console.log('health on', server.address()))

await indexer.drained
server.close()
server.closeAllConnections()
if (indexer.failed !== undefined) process.exitCode = 1
