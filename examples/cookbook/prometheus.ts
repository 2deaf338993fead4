/**
 * Serves the metrics of an indexer for Prometheus on METRICS_PORT, 9090 by default, of
 * METRICS_ADDRESS.
 */
import { createServer } from 'node:http'
import { jetstream$, PROMETHEUS_TYPE, prometheusText, run } from 'rxjs-atproto'
import { fileCursorStore } from 'rxjs-atproto/cursors/file'

const { JETSTREAM_HOST, METRICS_PORT = '9090', METRICS_ADDRESS = '127.0.0.1' } = process.env

const likes = new Map<string, number>()

const indexer = run(
  jetstream$({
    host: JETSTREAM_HOST,
    collections: ['app.bsky.feed.*'],
    checkpoint: fileCursorStore('./cursor.json'),
  }),
  {
    'app.bsky.feed.like': async ({ did }) => {
      likes.set(did, (likes.get(did) ?? 0) + 1) // your database
    },
  },
  { concurrency: 16, signals: true },
)

const server = createServer(({ url }, response) => {
  if (url !== '/metrics') return void response.writeHead(404).end()
  response.setHeader('content-type', PROMETHEUS_TYPE)
  response.end(prometheusText(indexer.metrics$.value, { stream: 'feed' }))
})
server.listen(Number(METRICS_PORT), METRICS_ADDRESS, () =>
  console.log('metrics on', server.address()),
)

await indexer.drained
server.close()
server.closeAllConnections()
if (indexer.failed !== undefined) process.exitCode = 1
