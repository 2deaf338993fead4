import { filterOf, InvalidOptions, type WantedOptions } from './filter.js'
import type { Session } from './session.js'

const MAX_MESSAGE_BYTES = 10_000_000
/** RFC 6455: a control frame holds 125 bytes, two of them the code. */
const MAX_REASON_BYTES = 123

/**
 * Handles a client's text as the server does: an options update replaces all options, and is not
 * acknowledged.
 */
export function onMessage(session: Session, text: string): void {
  if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES) {
    if (isV2(session)) session.end(1009, 'read limited at 10000001 bytes')
    return
  }
  const envelope = parseClientMessage(text)
  if (envelope === undefined || !isEnvelope(envelope)) invalidJson(session, ENVELOPE)
  else if (envelope?.type === 'options_update') update(session, envelope.payload)
}

const ENVELOPE = {
  v2: 'bad SubscriberSourcedMessage envelope',
  legacy: 'failed to unmarshal subscriber sourced message',
}
const PAYLOAD = {
  v2: 'bad options_update payload',
  legacy: 'failed to unmarshal subscriber options update',
}

const isV2 = (session: Session): boolean => session.server.log.options.server === 'v2'

function update(session: Session, payload: unknown): void {
  const wanted = wantedOf(payload)
  if (wanted === undefined) invalidJson(session, PAYLOAD)
  else apply(session, wanted)
}

function apply(session: Session, wanted: WantedOptions): void {
  try {
    const filter = filterOf(wanted, session.server.log.options.server)
    // The legacy server parses the new size limit and keeps the one of the URL.
    session.filter = isV2(session)
      ? filter
      : { ...filter, maxMessageSizeBytes: session.filter.maxMessageSizeBytes }
    if (session.state === 'waiting') session.onFirstUpdate()
  } catch (error) {
    if (!(error instanceof InvalidOptions)) throw error
    invalidOptions(session, error.message)
  }
}

function invalidJson(session: Session, what: typeof ENVELOPE): void {
  if (isV2(session)) session.end(1007, what.v2)
  else legacyEnd(session, `${what.legacy}: invalid JSON`)
}

function invalidOptions(session: Session, detail: string): void {
  if (isV2(session)) session.end(1008, cut(`subscribe: invalid options${detail}`))
  else legacyEnd(session, `failed to parse subscriber options: invalid subscriber options${detail}`)
}

/** The server cannot write a reason that is too long for a close frame: the client sees 1006. */
function legacyEnd(session: Session, reason: string): void {
  session.end(Buffer.byteLength(reason) > MAX_REASON_BYTES ? undefined : 1000, reason)
}

const cut = (reason: string): string =>
  Buffer.byteLength(reason) > MAX_REASON_BYTES
    ? `${reason.slice(0, MAX_REASON_BYTES - 3)}...`
    : reason

function parseClientMessage(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

interface Message {
  readonly type?: string
  readonly payload?: unknown
}

/** Go's decoder takes `null` for an empty message. */
function isEnvelope(value: unknown): value is Message | null {
  if (typeof value !== 'object' || Array.isArray(value)) return false
  const type: unknown = value === null ? undefined : (value as Message).type
  return type === undefined || type === null || typeof type === 'string'
}

/** `payload: null` clears every filter; a missing one is an error. */
function wantedOf(payload: unknown): WantedOptions | undefined {
  if (typeof payload !== 'object' || Array.isArray(payload)) return undefined
  const {
    wantedCollections,
    wantedDids,
    maxMessageSizeBytes: size,
  } = (payload ?? {}) as Partial<Record<keyof WantedOptions, unknown>>
  const collections = textsOf(wantedCollections)
  const dids = textsOf(wantedDids)
  const sized = size === undefined || size === null || Number.isInteger(size)
  return collections && dids && sized
    ? {
        wantedCollections: collections,
        wantedDids: dids,
        maxMessageSizeBytes: Math.max(0, Number(size ?? 0)),
      }
    : undefined
}

function textsOf(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return []
  return Array.isArray(value) && value.every((item): item is string => typeof item === 'string')
    ? value
    : undefined
}
