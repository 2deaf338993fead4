/**
 * A client's message: an ack, one that the server ignores, or one for which it ends the connection.
 */
export type TapClientMessage = { readonly ack: number } | 'ignored' | 'malformed'

const MAX_UINT64 = 2n ** 64n - 1n

/**
 * Reads a client's frame as Go's decoder does: only the first JSON value, whatever follows it.
 */
export function readClientMessage(text: string): TapClientMessage {
  const value = parseAck(text)
  if (value === null) return 'ignored'
  if (typeof value !== 'object' || Array.isArray(value)) return 'malformed'
  const { type, id } = value as { type?: unknown; id?: unknown }
  if (!isAbsent(type) && typeof type !== 'string') return 'malformed'
  if (!isAbsent(id) && !isUint(id, text)) return 'malformed'
  return type === 'ack' ? { ack: Number(id ?? 0) } : 'ignored'
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null

/** By its digits: Go refuses `1.0` and `1e2`, and distinguishes 2^64 from 2^64 - 1. */
function isUint(id: unknown, text: string): boolean {
  if (typeof id !== 'number') return false
  const digits = /"id"\s*:\s*(\d+)\s*[,}]/.exec(text)?.[1]
  return digits !== undefined && (Number.isSafeInteger(id) || BigInt(digits) <= MAX_UINT64)
}

function parseAck(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return parseFirst(text)
  }
}

function parseFirst(text: string): unknown {
  const trimmed = text.trimStart()
  if (trimmed.startsWith('null')) return null
  try {
    return trimmed.startsWith('{') ? JSON.parse(trimmed.slice(0, endOfObject(trimmed))) : undefined
  } catch {
    return undefined
  }
}

/** Where the object that the text begins with ends. */
function endOfObject(text: string): number {
  let depth = 0
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/gs)) {
    depth += token === '{' ? 1 : token === '}' ? -1 : 0
    if (depth === 0) return index + 1
  }
  return text.length
}
