/** The name of wire v2's method, and of its payloads. */
export const SUBSCRIBE_EVENTS = 'network.bsky.jetstream.subscribeEvents'

/** What of an event's text positions and filters look at, on either wire. */
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

/** A recorded text may be anything; what is no event passes every filter. */
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

/** An event of wire v1 as wire v2 writes it: `undefined` for what is none. */
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
 * A frame of wire v2 as wire v1 of the same server writes it: `undefined` for what it never sends.
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

/** One frame that tells something about the stream. */
export const infoFrame = (name: string, message: string): string =>
  escapeAsGo(
    JSON.stringify({
      $type: 'message',
      payload: { $type: `${SUBSCRIBE_EVENTS}#info`, message, name },
    }),
  )

/** The last frame before an end that the server explains. */
export const jsonErrorFrame = (error: string, message: string): string =>
  escapeAsGo(JSON.stringify({ $type: 'error', error, message }))

/** Go's encoder, which servers use, escapes these three and the two line separators. */
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

/** RFC 3339 with six digits, of which a `Date` keeps three. */
function timeOf(timeUs: number): string {
  const seconds = new Date(Math.floor(timeUs / 1_000_000) * 1000).toISOString().slice(0, 19)
  return `${seconds}.${String(timeUs % 1_000_000).padStart(6, '0')}Z`
}

const microsecondsOf = (time: string): number =>
  Date.parse(`${time.slice(0, 19)}Z`) * 1000 + Number(time.slice(20, 26))

/** Go writes the keys of a map in order. */
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
