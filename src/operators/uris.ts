import { pathOf } from '../atproto/event-fields.js'

/** Where a record is, as events of Jetstream and the firehose (`commit`) and of Tap tell it. */
interface Path {
  readonly collection?: unknown
  readonly rkey?: unknown
}

/** An event of Jetstream, the firehose or Tap. */
export interface Located {
  readonly did: string
  readonly kind?: string
  readonly commit?: Path
  readonly type?: string
  readonly collection?: string
  readonly rkey?: string
}

/**
 * Returns the at-uri of the record that an event is about, as a key for it:
 * `at://did/collection/rkey`. For an event about an account, such as `identity`, it is `at://did`.
 *
 * @example
 * ```ts
 * jetstream$(config).subscribe((event) => console.log(uriOf(event)))
 * ```
 */
export function uriOf(event: Located): string {
  const path = pathOf(event)
  return path === undefined
    ? `at://${event.did}`
    : `at://${event.did}/${path.collection}/${path.rkey}`
}

/**
 * Returns what a written record is about: the DID of a follow, a block or a list item, the at-uri
 * of a like, a repost or a gate. `undefined` for other records, a delete, and a record that cannot
 * be read.
 *
 * @example
 * ```ts
 * jetstream$({ collections: ['app.bsky.feed.like'] })
 *   .pipe(map(subjectOf), filter((uri) => uri !== undefined))
 *   .subscribe((uri) => console.log(uri, 'was liked'))
 * ```
 */
export function subjectOf(event: object): string | undefined {
  const { subject, post } = membersOf(recordOf(event))
  const { uri } = membersOf(subject)
  for (const one of [subject, uri, post])
    if (typeof one === 'string' && /^(at|did):/.test(one)) return one
  return undefined
}

/** The record of an event; `undefined` if it has none that can be read. */
export function recordOf(event: object): unknown {
  const { commit, record } = event as { commit?: { record?: unknown }; record?: unknown }
  try {
    return commit === undefined ? record : commit.record
  } catch {
    // A record that is decoded when it is read, and cannot be.
    return undefined
  }
}

/** The members of anything that a stranger wrote: none, if it is no object. */
export const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
