import { CborSkimmer } from '../../atproto/cbor-skimmer.js'
import type { Wanted } from '../../atproto/filters.js'
import { timeUs } from '../../atproto/time.js'
import { internAscii } from '../../internal/intern-ascii.js'
import type { Message } from './message.js'

const KINDS: ReadonlyMap<string, Message['kind']> = new Map([
  ['#commit', 'commit'],
  ['#sync', 'sync'],
  ['#identity', 'identity'],
  ['#account', 'account'],
])

/** What is looked at of a body. */
interface MessageSummary {
  seq: number | undefined
  did: string | undefined
  time: string | undefined
  rev: string | undefined
  readonly collections: string[]
}

/**
 * A message of which nothing is wanted, without its body: its place and its identity, found by the
 * heads of its items at a fraction of what decoding costs. Most frames are such under a narrow
 * filter. `undefined` for all others, and for what is in the least unusual: those are to be read
 * whole, or refused.
 */
export function unwantedMessage(frame: string | Uint8Array, wanted: Wanted): Message | undefined {
  if (typeof frame === 'string') return undefined
  const heads = new CborSkimmer(frame, 0)
  try {
    const kind = readKind(heads)
    const glance = kind && readBody(heads, kind)
    return glance && unwanted(glance, kind, wanted, frame)
  } catch {
    return undefined
  }
}

function unwanted(
  glance: MessageSummary,
  kind: Message['kind'],
  wanted: Wanted,
  frame: Uint8Array,
): Message | undefined {
  const { seq, did, time, rev, collections } = glance
  if (seq === undefined || did === undefined || time === undefined || !Number.isSafeInteger(seq))
    return undefined
  const isWanted =
    kind === 'commit'
      ? collections.some((collection) => wanted(kind, did, collection))
      : wanted(kind, did)
  return isWanted
    ? undefined
    : { kind, did, seq, time, time_us: timeUs(time), body: { rev, ops: [] }, frame }
}

/** The kind of event, by the header. */
function readKind(heads: CborSkimmer): Message['kind'] | undefined {
  let op: number | undefined
  let t: string | undefined
  const isRead = heads.eachMember(() => {
    if (heads.nameIs('t')) t = heads.readAscii()
    else if (heads.nameIs('op')) op = heads.readNumber()
    else return false
    return true
  })
  return isRead && op === 1 ? KINDS.get(t ?? '') : undefined
}

/** What a filter must know of the body, which is all that is left of the frame. */
function readBody(heads: CborSkimmer, kind: Message['kind']): MessageSummary | undefined {
  const glance: MessageSummary = {
    seq: undefined,
    did: undefined,
    time: undefined,
    rev: undefined,
    collections: [],
  }
  const didName = kind === 'commit' ? 'repo' : 'did'
  const isRead = heads.eachMember(() => {
    if (heads.nameIs('ops')) return heads.eachItem(() => readOp(heads, glance.collections))
    if (heads.nameIs('tooBig')) return heads.readFalse()
    if (heads.nameIs('seq')) glance.seq = heads.readNumber()
    else if (heads.nameIs('time')) glance.time = heads.readAscii()
    else if (heads.nameIs('rev')) glance.rev = heads.readAscii()
    else if (heads.nameIs(didName)) glance.did = heads.readAscii()
    else return heads.skip()
    return true
  })
  return isRead && heads.at === heads.bytes.length ? glance : undefined
}

function readOp(heads: CborSkimmer, collections: string[]): boolean {
  let hasPath = false
  const isRead = heads.eachMember(() => {
    if (!heads.nameIs('path')) return heads.skip()
    hasPath = heads.passAscii()
    if (hasPath) collections.push(collectionAt(heads.bytes, heads.at - heads.argument, heads.at))
    return hasPath
  })
  return isRead && hasPath
}

const SLASH = 0x2f
const nameAt = internAscii()

/** The collection of a path, as {@link collectionOf} has it. */
function collectionAt(path: Uint8Array, from: number, end: number): string {
  let to = from
  while (to < end && path[to] !== SLASH) to += 1
  return nameAt(path, from, to)
}
