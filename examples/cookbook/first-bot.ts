/**
 * Answers every post that mentions the bot, also those that were written while it did not run.
 *
 * BOT_DID is the bot's account. Without BOT_PDS and BOT_PASSWORD (an app password) it only prints
 * what it would write.
 */
import { AppBskyFeedPost } from '@atcute/bluesky'
import { type CommitCreate, jetstream$, run } from 'rxjs-atproto'
import { fileCursorStore } from 'rxjs-atproto/cursors/file'

const POST = 'app.bsky.feed.post'
type Records = { [POST]: AppBskyFeedPost.Main }
type Post = CommitCreate<typeof POST, AppBskyFeedPost.Main>

const { BOT_DID = '', BOT_PDS, BOT_PASSWORD, JETSTREAM_HOST } = process.env

const mentionsBot = ({ facets = [] }: AppBskyFeedPost.Main): boolean =>
  facets.some(({ features }) =>
    features.some((feature) => 'did' in feature && feature.did === BOT_DID),
  )

async function xrpc(method: string, body: object, token?: string): Promise<Record<string, string>> {
  const response = await fetch(`${BOT_PDS}/xrpc/${method}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${method}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Record<string, string>
}

async function answer(did: string, { record, rkey, cid }: Post): Promise<void> {
  const parent = { uri: `at://${did}/${POST}/${rkey}`, cid }
  const reply = {
    $type: POST,
    text: 'Hello! You mentioned me.',
    createdAt: new Date().toISOString(),
    reply: { root: record.reply?.root ?? parent, parent },
  }
  if (BOT_PDS === undefined) return console.log(`would answer ${parent.uri}`)
  const session = await xrpc('com.atproto.server.createSession', {
    identifier: BOT_DID,
    password: BOT_PASSWORD,
  })
  // With a key of its own choice a record that is written twice is still one record.
  const written = await xrpc(
    'com.atproto.repo.putRecord',
    { repo: BOT_DID, collection: POST, rkey, record: reply },
    session.accessJwt,
  )
  console.log(`answered ${parent.uri} with ${written.uri}`)
}

const posts$ = jetstream$<Records>({
  host: JETSTREAM_HOST,
  collections: [POST],
  kinds: ['commit'],
  records: { [POST]: AppBskyFeedPost.mainSchema },
  checkpoint: fileCursorStore('./bot.json'),
})

const bot = run(
  posts$,
  {
    [POST]: ({ did, commit }) =>
      commit.operation === 'create' && mentionsBot(commit.record) ? answer(did, commit) : undefined,
  },
  {
    concurrency: 4,
    attempts: 5,
    onDeadLetter: (event, error) => console.error('not answered:', event, error),
    signals: true,
  },
)

await bot.drained
console.log('stopped')
if (bot.failed !== undefined) process.exitCode = 1
