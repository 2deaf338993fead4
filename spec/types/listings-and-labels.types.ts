import {
  type CursorStore,
  type LabelEvent,
  type ListingPosition,
  labels$,
  listRepos$,
  type Position,
  type PositionFormat,
  type RepoEvent,
  streamMetrics,
} from 'rxjs-atproto'

export const repos$ = listRepos$({
  host: ['a.example', 'b.example'],
  limit: 100,
  metrics$: () => streamMetrics(),
})
export const labelled$ = labels$({ host: 'mod.bsky.app', cursor: 5 })

// A status that nobody knows is a text all the same, and what a server may leave out may be absent.
export const read = ({ status, active }: RepoEvent): string =>
  `${status?.length} ${active === undefined}`
export const unsigned = ({ seq: _seq, sig: _sig, ...signed }: LabelEvent): object => signed

declare const store: CursorStore
declare const ofSeqs: PositionFormat<Position>
declare const ofPages: PositionFormat<ListingPosition>
export const shared = [
  labels$({ host: 'mod.bsky.app', checkpoint: { store, positionFormat: ofSeqs } }),
  listRepos$({ checkpoint: { store, positionFormat: ofPages } }),
]

export const refused = [
  // @ts-expect-error the position of a listing is a page
  () => listRepos$({ checkpoint: { store, positionFormat: ofSeqs } }),
  // @ts-expect-error whose labels to hear has no default
  () => labels$({}),
  // @ts-expect-error the position of a label is no time
  () => labels$({ host: 'mod.bsky.app', cursor: new Date() }),
  // @ts-expect-error a listing has no filter
  () => listRepos$({ collections: ['app.bsky.feed.post'] }),
  // @ts-expect-error nor a socket to be idle
  () => listRepos$({ idleTimeoutMs: 1000 }),
]
