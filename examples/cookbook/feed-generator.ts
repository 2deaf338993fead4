/**
 * A feed of the posts of the last hours that name RxJS. The index is in memory: at each start the
 * stream is read from that many hours ago, so that no position has to be stored.
 *
 * FEED_HOST is where the world reaches it, over HTTPS: Bluesky asks there for the feed.
 */
import { createServer } from 'node:http'
import { AppBskyFeedPost } from '@atcute/bluesky'
import { jetstream$, run } from 'rxjs-atproto'

const POST = 'app.bsky.feed.post'
type Records = { [POST]: AppBskyFeedPost.Main }

const { FEED_HOST = 'feed.example.com', JETSTREAM_HOST, PORT = '3000' } = process.env
const HOURS = 3
const MAX_POSTS = 10_000
const FEED = `at://did:web:${FEED_HOST}/app.bsky.feed.generator/rxjs`

/** The time of each post. The newest is last: a map keeps the order of its keys. */
const posts = new Map<string, number>()

function add(uri: string, time_us: number): void {
  posts.set(uri, time_us)
  const [oldest] = posts.keys()
  if (posts.size > MAX_POSTS && oldest !== undefined) posts.delete(oldest)
}

/** One page, newest first. The cursor is the time of the last post on the page before. */
function skeleton(query: URLSearchParams): object {
  const limit = Math.min(Number(query.get('limit') ?? 50), 100)
  const before = Number(query.get('cursor') ?? Number.POSITIVE_INFINITY)
  const page = [...posts].filter(([, time_us]) => time_us < before).slice(-limit)
  const [last] = page
  return {
    feed: page.reverse().map(([post]) => ({ post })),
    ...(last === undefined ? {} : { cursor: String(last[1]) }),
  }
}

const answers: Record<string, (query: URLSearchParams) => object> = {
  '/.well-known/did.json': () => ({
    '@context': ['https://www.w3.org/ns/did/v1'],
    id: `did:web:${FEED_HOST}`,
    service: [
      { id: '#bsky_fg', type: 'BskyFeedGenerator', serviceEndpoint: `https://${FEED_HOST}` },
    ],
  }),
  '/xrpc/app.bsky.feed.describeFeedGenerator': () => ({
    did: `did:web:${FEED_HOST}`,
    feeds: [{ uri: FEED }],
  }),
  '/xrpc/app.bsky.feed.getFeedSkeleton': skeleton,
}

const server = createServer(({ url = '/' }, response) => {
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  const answer = answers[pathname]
  response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(answer?.(searchParams) ?? { error: 'NotFound' }))
}).listen(Number(PORT), () => console.log('listening on', server.address()))

const posts$ = jetstream$<Records>({
  host: JETSTREAM_HOST,
  collections: [POST],
  kinds: ['commit'],
  records: { [POST]: AppBskyFeedPost.mainSchema },
  cursor: { ago: HOURS * 3_600_000 },
})

const feed = run(
  posts$,
  {
    [POST]: ({ did, time_us, commit }) => {
      const uri = `at://${did}/${POST}/${commit.rkey}`
      if (commit.operation === 'delete') posts.delete(uri)
      else if (/\brxjs\b/i.test(commit.record.text)) add(uri, time_us)
    },
  },
  { signals: true },
)

await feed.drained
server.close()
if (feed.failed !== undefined) process.exitCode = 1
