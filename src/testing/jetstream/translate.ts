/** The name of wire v2's method, and of its payloads. */
export const SUBSCRIBE_EVENTS = 'network.bsky.jetstream.subscribeEvents'

/** The fields of an event's text that positions and filters read, on either wire. */
export interface Envelope {
  /** The wire that the text is written for. */
  readonly wire: 'v1' | 'v2'
  readonly did?: string | undefined
  readonly time_us?: number | undefined
  readonly cursor?: number | undefined
  readonly kind?: string | undefined
  readonly collection?: string | undefined
}

type Json = Readonly<Record<string, unknown>>

/** A recorded text may be anything; one that is not an event passes every filter. */
export function envelopeOf(text: string): Envelope {
  const value = parseFrame(text)
  if (typeof value?.$type === 'string') return v2EnvelopeOf(value)
  const { did, time_us, cursor, kind, commit } = (value ?? {}) as Omit<Envelope, 'wire'> & {
    commit?: { collection?: string }
  }
  return {
    wire: 'v1',
    did,
    time_us,
    cursor,
    kind,
    collection: kind === 'commit' ? commit?.collection : undefined,
  }
}

/** Translates an event of wire v1 to wire v2. `undefined` if the text is not an event. */
export function toV2(text: string, seq: number, timeUs: number): string | undefined {
  const value = parseFrame(text)
  if (typeof value?.kind !== 'string') return undefined
  const { did, time_us, cursor, kind, commit, ...body } = value
  const payload = {
    ...body,
    ...((commit ?? {}) as Json),
    $type: `${SUBSCRIBE_EVENTS}#${kind}`,
    did,
    seq,
    time: timeOf(timeUs),
  }
  return escapeAsGo(JSON.stringify(sorted({ $type: 'message', payload })))
}

/**
 * Translates a frame of wire v2 to wire v1. `undefined` if wire v1 never sends it.
 */
export function toV1(text: string): string | undefined {
  const payload = parseFrame(text)?.payload as Json | undefined
  if (payload?.seq === undefined) return undefined
  const { $type, did, seq, time, rev, operation, collection, rkey, record, cid, ...body } = payload
  const kind = kindOf($type)
  if (kind === 'sync') return undefined
  const rest =
    kind === 'commit' ? { commit: { rev, operation, collection, rkey, record, cid } } : body
  return escapeAsGo(
    JSON.stringify({ did, time_us: microsecondsOf(String(time)), cursor: seq, kind, ...rest }),
  )
}

/** An `#info` frame, a notice about the stream. */
export const infoFrame = (name: string, message: string): string =>
  escapeAsGo(
    JSON.stringify({
      $type: 'message',
      payload: { $type: `${SUBSCRIBE_EVENTS}#info`, message, name },
    }),
  )

/** The error frame before the server ends the connection. */
export const jsonErrorFrame = (error: string, message: string): string =>
  escapeAsGo(JSON.stringify({ $type: 'error', error, message }))

/** Go's JSON encoder escapes these three and the two line separators. */
export const escapeAsGo = (text: string): string =>
  text.replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)

function v2EnvelopeOf({ payload }: Json): Envelope {
  const { $type, did, seq, time, collection } = (payload ?? {}) as {
    $type?: string
    did?: string
    seq?: number
    time?: string
    collection?: string
  }
  if (seq === undefined) return { wire: 'v2' }
  const time_us = microsecondsOf(String(time))
  return {
    wire: 'v2',
    did,
    time_us: Number.isNaN(time_us) ? undefined : time_us,
    cursor: seq,
    kind: kindOf($type),
    collection,
  }
}

const kindOf = ($type: unknown): string => String($type).replace(/^.*#/, '')

/** RFC 3339 with six fractional digits; a `Date` keeps three. */
function timeOf(timeUs: number): string {
  const seconds = new Date(Math.floor(timeUs / 1_000_000) * 1000).toISOString().slice(0, 19)
  return `${seconds}.${String(timeUs % 1_000_000).padStart(6, '0')}Z`
}

const microsecondsOf = (time: string): number =>
  Date.parse(`${time.slice(0, 19)}Z`) * 1000 + Number(time.slice(20, 26))

/** Go's JSON encoder sorts the keys of a map. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const keys = Object.keys(value).sort()
  return Object.fromEntries(keys.map((key) => [key, sorted((value as Json)[key])]))
}

function parseFrame(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Json)
      : undefined
  } catch {
    return undefined
  }
}
