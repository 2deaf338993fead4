/**
 * Labels posts that are written in capitals. It decides; a labeler's server signs and publishes:
 * with OZONE and OZONE_TOKEN the label goes there, without them it is printed.
 */
import { AppBskyFeedPost } from '@atcute/bluesky'
import { jetstream$, run } from 'rxjs-atproto'
import { fileCursorStore } from 'rxjs-atproto/cursors/file'

const POST = 'app.bsky.feed.post'
const LABEL = 'shouting'
type Records = { [POST]: AppBskyFeedPost.Main }

const {
  JETSTREAM_HOST,
  OZONE,
  OZONE_TOKEN,
  LABELER_DID = 'did:web:labeler.example.com',
} = process.env

const isShouted = ({ text }: AppBskyFeedPost.Main): boolean =>
  text.length >= 10 && text === text.toUpperCase() && text !== text.toLowerCase()

async function label(subject: { readonly uri: string; readonly cid: string }): Promise<void> {
  if (OZONE === undefined) return console.log(LABEL, subject.uri)
  const response = await fetch(`${OZONE}/xrpc/tools.ozone.moderation.emitEvent`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${OZONE_TOKEN}` },
    body: JSON.stringify({
      event: {
        $type: 'tools.ozone.moderation.defs#modEventLabel',
        createLabelVals: [LABEL],
        negateLabelVals: [],
      },
      subject: { $type: 'com.atproto.repo.strongRef', ...subject },
      createdBy: LABELER_DID,
    }),
  })
  if (!response.ok) throw new Error(`Ozone answers ${response.status}: ${await response.text()}`)
}

const posts$ = jetstream$<Records>({
  host: JETSTREAM_HOST,
  collections: [POST],
  kinds: ['commit'],
  records: { [POST]: AppBskyFeedPost.mainSchema },
  checkpoint: fileCursorStore('./labeler.json'),
})

// The checkpoint passes a post when its label is written. A label that is applied twice is still
// one label.
const labeler = run(
  posts$,
  {
    [POST]: ({ did, commit }) =>
      commit.operation !== 'delete' && isShouted(commit.record)
        ? label({ uri: `at://${did}/${POST}/${commit.rkey}`, cid: commit.cid })
        : undefined,
  },
  {
    concurrency: 8,
    attempts: 5,
    onDeadLetter: (event, error) => console.error('not labelled:', event, error),
    signals: true,
  },
)

await labeler.drained
if (labeler.failed !== undefined) process.exitCode = 1
