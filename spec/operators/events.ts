/** The shape of a Jetstream commit, as far as routing looks at it. */
export interface Commit {
  readonly kind: 'commit'
  readonly did: string
  readonly commit: { readonly collection: string }
  readonly n: number
}

export const [post, like, follow] = [
  'app.bsky.feed.post',
  'app.bsky.feed.like',
  'app.bsky.graph.follow',
] as const

export const commit = (collection: string, n = 0, did = 'did:plc:a'): Commit => ({
  kind: 'commit',
  did,
  commit: { collection },
  n,
})
