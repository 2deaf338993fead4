/**
 * A reply of names and values: a list under RESP 2, a map under RESP 3, which clients show as an
 * object or a `Map`.
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
 * One entry of a stream, its fields and values in one list. `undefined`: deleted since it was
 * handed out.
 */
export interface RedisEntry {
  readonly id: string
  readonly fields: readonly string[] | undefined
}

/**
 * The entries that `XRANGE`, `XCLAIM`, `XAUTOCLAIM` and `XREADGROUP` list. One that is deleted may
 * have no place at all, or one without fields.
 */
export const entriesOf = (reply: unknown): readonly RedisEntry[] =>
  listOf(reply).flatMap((entry) => {
    if (!Array.isArray(entry)) return []
    const [id, fields]: readonly unknown[] = entry
    return [{ id: String(id), fields: Array.isArray(fields) ? textsOf(fields) : undefined }]
  })

const isText = (value: unknown): value is string => typeof value === 'string'

/** The list itself, where a client gives text: most do, and entries are many. */
const textsOf = (list: readonly unknown[]): readonly string[] =>
  list.every(isText) ? list : list.map(String)

/** The entries of each stream, as `XREADGROUP` and `XREAD` answer. */
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
