import { collectionOf } from '../atproto/event-fields.js'

/**
 * What {@link ingest} can route: an event of Jetstream or the firehose (`kind`), or one of Tap
 * (`type`).
 */
export type Routable =
  | { readonly kind: string; readonly commit?: { readonly collection: string } }
  | { readonly type: string; readonly collection?: string }

type Prefixed<Pattern extends string> = Pattern extends `${infer Head}.*`
  ? `${Head}.${string}`
  : Pattern

type InCollection<E, Pattern extends string> = E extends
  | { readonly kind: 'commit'; readonly commit: { readonly collection: infer C } }
  | { readonly type: 'record'; readonly collection: infer C }
  ? [string] extends [C]
    ? E
    : C extends Prefixed<Pattern>
      ? E
      : never
  : never

/** The events that reach the ingestor of `Key`. */
export type RoutedTo<E, Key extends string> = Key extends '*'
  ? E
  : Key extends 'identity' | 'account' | 'sync'
    ? Extract<E, { readonly kind: Key } | { readonly type: Key }>
    : InCollection<E, Key>

/**
 * Returns a function that finds the key for an event: its collection, else the longest prefix of it
 * (`app.bsky.feed.*` matches `app.bsky.feed.post`, but not `app.bsky.feedback.x`), or its kind;
 * else `'*'`. `undefined` if no key matches.
 */
export function router(keys: readonly string[]): (event: Routable) => string | undefined {
  // A collection has a dot, so a made-up collection `account` does not match the kind.
  const collections = new Set(keys.filter((key) => key.includes('.')))
  const kinds = new Set(keys.filter((key) => !key.includes('.')))
  const prefixes = keys.filter((key) => key.endsWith('.*')).sort((a, b) => b.length - a.length)
  const others = kinds.has('*') ? '*' : undefined
  // A server has a few hundred collections, but anyone can make up more: the cache has a bound.
  const known = new Map<string, string | undefined>()
  const find = (collection: string) =>
    collections.has(collection)
      ? collection
      : (prefixes.find((prefix) => collection.startsWith(prefix.slice(0, -1))) ?? others)
  return (event) => {
    const collection = collectionOf(event)
    if (collection === undefined) return kinds.has(kindOf(event)) ? kindOf(event) : others
    const key = known.get(collection)
    if (key !== undefined || known.has(collection)) return key
    const found = find(collection)
    if (known.size < 1000) known.set(collection, found)
    return found
  }
}

/** `commit`, `identity` and so on; for an event of Tap `record` or `identity`. */
export const kindOf = (event: Routable): string => ('kind' in event ? event.kind : event.type)
