/**
 * The pairs of a reply of names and values: a list under RESP 2; under RESP 3 a map, which clients
 * give as an object or a `Map`.
 */
export function pairsOf(reply: unknown): readonly (readonly [name: string, value: unknown])[] {
  if (reply instanceof Map) return [...reply]
  if (!Array.isArray(reply)) return Object.entries(reply ?? {})
  return Array.from(
    { length: reply.length >> 1 },
    (_, i) => [String(reply[2 * i]), reply[2 * i + 1]] as const,
  )
}

/**
 * An entry of a stream as Redis sends it, fields and values in one list. `fields` are `undefined`
 * if it was deleted after its delivery.
 */
export interface RedisEntry {
  readonly id: string
  readonly fields: readonly string[] | undefined
}

/**
 * The entries in a reply to `XRANGE`, `XCLAIM`, `XAUTOCLAIM` or `XREADGROUP`. A deleted one is
 * listed without fields, or not at all.
 */
export const entriesOf = (reply: unknown): readonly RedisEntry[] =>
  listOf(reply).flatMap((entry) => {
    if (!Array.isArray(entry)) return []
    const [id, fields]: readonly unknown[] = entry
    return [{ id: String(id), fields: Array.isArray(fields) ? textsOf(fields) : undefined }]
  })

const isText = (value: unknown): value is string => typeof value === 'string'

/** The list itself if all of it is text, as with most clients: copies would cost much. */
const textsOf = (list: readonly unknown[]): readonly string[] =>
  list.every(isText) ? list : list.map(String)

/** The entries of each stream in a reply to `XREADGROUP` or `XREAD`. */
export function streamsOf(
  reply: unknown,
): readonly (readonly [stream: string, entries: readonly RedisEntry[]])[] {
  const streams =
    Array.isArray(reply) && Array.isArray(reply[0])
      ? (reply as readonly [unknown, unknown][])
      : pairsOf(reply)
  return streams.map(([stream, entries]) => [String(stream), entriesOf(entries)])
}

export const listOf = (reply: unknown): readonly unknown[] => (Array.isArray(reply) ? reply : [])
