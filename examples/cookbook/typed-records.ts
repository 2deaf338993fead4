/** Shows posts and follows, typed and checked by the lexicons of Bluesky. */
import { AppBskyFeedPost, AppBskyGraphFollow } from '@atcute/bluesky'
import { jetstream$, run } from 'rxjs-atproto'

type Records = {
  'app.bsky.feed.post': AppBskyFeedPost.Main
  'app.bsky.graph.follow': AppBskyGraphFollow.Main
}

const records$ = jetstream$<Records>({
  host: process.env.JETSTREAM_HOST,
  collections: ['app.bsky.feed.post', 'app.bsky.graph.follow'],
  kinds: ['commit'],
  records: {
    'app.bsky.feed.post': AppBskyFeedPost.mainSchema,
    'app.bsky.graph.follow': AppBskyGraphFollow.mainSchema,
  },
  rejects: { next: ({ error }) => console.error('no record of its lexicon:', error.message) },
})

run(
  records$,
  {
    'app.bsky.feed.post': ({ commit }) => {
      if (commit.operation === 'create') console.log(commit.record.langs ?? [], commit.record.text)
    },
    'app.bsky.graph.follow': ({ did, commit }) => {
      if (commit.operation === 'create') console.log(did, 'follows', commit.record.subject)
    },
  },
  { signals: true },
)
