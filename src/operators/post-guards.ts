import type { Kinded, OperationOf } from './guards.js'
import { membersOf, recordOf } from './uris.js'

type Post = 'app.bsky.feed.post'
type PostGuard = <E extends Kinded>(event: E) => event is E & OperationOf<E, Post, Written>
type Written = 'create' | 'update'

/** A post that was written and that `holds`: anybody can write anything into a record. */
const postThat =
  (holds: (record: Readonly<Record<string, unknown>>) => boolean): PostGuard =>
  <E extends Kinded>(event: E): event is E & OperationOf<E, Post, Written> => {
    const { commit } = event as { commit?: { collection?: unknown } }
    if (event.kind !== 'commit' || commit?.collection !== 'app.bsky.feed.post') return false
    const record = recordOf(event)
    return typeof record === 'object' && record !== null && holds(membersOf(record))
  }

/**
 * Posts whose text mentions the account `did`: by a facet, as clients write it.
 *
 * @example
 * ```ts
 * jetstream$({ collections: ['app.bsky.feed.post'] })
 *   .pipe(filter(mentions('did:plc:ewvi7nxzyoun6zhxrhs64oiz')))
 * ```
 */
export const mentions = (did: string): PostGuard =>
  postThat(({ facets }) =>
    listOf(facets).some((facet) =>
      listOf(membersOf(facet).features).some((feature) => membersOf(feature).did === did),
    ),
  )

/**
 * Posts that reply to another one.
 *
 * @example
 * ```ts
 * jetstream$({ collections: ['app.bsky.feed.post'] }).pipe(filter(isReply))
 * ```
 */
export const isReply: PostGuard = postThat(({ reply }) => replyUri(reply) !== undefined)

/**
 * Posts that begin a thread: they have no `reply`.
 *
 * @example
 * ```ts
 * jetstream$({ collections: ['app.bsky.feed.post'] }).pipe(filter(isRootPost))
 * ```
 */
export const isRootPost: PostGuard = postThat(({ reply }) => reply === undefined || reply === null)

const replyUri = (reply: unknown): unknown => membersOf(membersOf(reply).parent).uri

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
