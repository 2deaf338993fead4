import { createHash } from 'node:crypto'
import { CidLinkWrapper, encode, toBytes } from '@atcute/cbor'
import { wantedBy } from '../../../src/atproto/filters.js'
import { NO_PART } from '../../../src/delivery/split-delivery.js'
import type { EventFilters, FirehoseEvent } from '../../../src/index.js'
import { Control } from '../../../src/live/protocol.js'
import { MessageEvents } from '../../../src/sources/firehose/events.js'
import { type Message, readMessage } from '../../../src/sources/firehose/message.js'
import { skimCommit } from '../../../src/sources/firehose/skim-commit.js'

/** Bytes after one another. */
export const join = (...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(Buffer.concat(parts))

export const frameOf = (t: string, body: object, op = 1): Uint8Array =>
  join(encode({ op, t }), encode(body))
export const errorFrame = (error: string, message = ''): Uint8Array =>
  join(encode({ op: -1 }), encode({ error, message }))

/** A link to a block of DAG-CBOR. */
export const linkTo = (block: Uint8Array): CidLinkWrapper =>
  new CidLinkWrapper(
    join(Uint8Array.of(1, 0x71, 0x12, 32), createHash('sha256').update(block).digest()),
  )

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Uint8Array.of(...bytes, left)
    bytes.push((left % 128) | 128)
  }
}

/** A CAR, in the plainest way there is: blocks may be given under CIDs that are not theirs. */
export const carOf = (
  root: CidLinkWrapper,
  blocks: readonly (readonly [CidLinkWrapper, Uint8Array])[],
): Uint8Array => {
  const header = encode({ version: 1, roots: [root] })
  return join(
    varint(header.length),
    header,
    ...blocks.flatMap(([link, block]) => [
      varint(link.bytes.length + block.length),
      link.bytes,
      block,
    ]),
  )
}

/** One operation of a commit that a spec writes: a create or an update has its record. */
export interface WrittenOp {
  readonly action: string
  readonly path: string
  readonly record?: unknown
  readonly prev?: CidLinkWrapper
}

export const DID = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
/**
 * 2026-01-01T00:00:00Z in unix microseconds; a message's time is so many seconds after it as its
 * `seq` says.
 */
export const T0 = 1_767_225_600_000_000
export const timeOf = (seq: number): string => new Date(T0 / 1000 + seq * 1000).toISOString()

/** The body of a commit whose blocks are in order. */
export function commitBody(
  seq: number,
  ops: readonly WrittenOp[],
  changes: object = {},
): Record<string, unknown> {
  const root = encode({ did: DID, version: 3, rev: `rev${seq}` })
  const written = ops.map(({ record, ...op }) => ({
    op,
    block: record === undefined ? undefined : encode(record),
  }))
  const blocks = written.flatMap(({ block }) =>
    block === undefined ? [] : [[linkTo(block), block] as const],
  )
  return {
    seq,
    repo: DID,
    rev: `rev${seq}`,
    since: null,
    time: timeOf(seq),
    commit: linkTo(root),
    blocks: toBytes(carOf(linkTo(root), [[linkTo(root), root], ...blocks])),
    ops: written.map(({ op, block }) => ({
      cid: block === undefined ? null : linkTo(block),
      ...op,
    })),
    blobs: [],
    rebase: false,
    tooBig: false,
    ...changes,
  }
}

export const commitFrame = (
  seq: number,
  ops: readonly WrittenOp[],
  changes: object = {},
): Uint8Array => frameOf('#commit', commitBody(seq, ops, changes))

/** A commit of `count` posts: the n-th says `<seq>.<n>`. */
export const posts = (seq: number, count = 1): Uint8Array =>
  commitFrame(
    seq,
    Array.from({ length: count }, (_, n) => ({
      action: 'create',
      path: `app.bsky.feed.post/${seq}-${n}`,
      record: { text: `${seq}.${n}` },
    })),
  )

export const identityFrame = (seq: number): Uint8Array =>
  frameOf('#identity', { seq, did: DID, time: timeOf(seq), handle: 'a.test' })

/**
 * What a frame is read as, without a connection: its events, or the name of what is no event. Read
 * in both ways, which must agree.
 */
export function read(
  frame: Uint8Array,
  filters: EventFilters = {},
): readonly FirehoseEvent[] | string {
  const skimmed = skimCommit(frame)
  const message = decoded(frame, skimmed)
  if (message instanceof Control) return message.name
  if (skimmed === undefined) return eventsOf(message, filters)
  expect(outlineOf(skimmed, filters)).toEqual(outlineOf(message, filters))
  return eventsOf(skimmed, filters)
}

/** The message as the decoder reads it, who has the last word on what is rejected. */
function decoded(frame: Uint8Array, skimmed: Message | undefined): Message | Control {
  try {
    return readMessage(frame)
  } catch (error) {
    expect(skimmed).toBeUndefined()
    throw error
  }
}

/** The events of a message, which nobody has looked at. */
export function eventsOf(message: Message, filters: EventFilters = {}): readonly FirehoseEvent[] {
  const parts = new MessageEvents(message, wantedBy(filters), () => true)
  return Array.from({ length: parts.length }, (_, index) => parts.at(index)).filter(
    (part) => part !== NO_PART,
  )
}

/** All that a program can see of a message: members in their order, records, and their errors. */
const outlineOf = (message: Message, filters: EventFilters): unknown => [
  message.body.rev,
  message.frame,
  eventsOf(message, filters).map((event) => JSON.stringify(event, shown)),
]

function shown(this: Record<string, unknown>, name: string): unknown {
  const value = attempt(() => this[name])
  if (name !== 'commit' || typeof value !== 'object' || value === null) return value
  return Object.entries(Object.getOwnPropertyDescriptors(value)).map(([key, { enumerable }]) => [
    key,
    enumerable,
    attempt(() => (value as Record<string, unknown>)[key]),
  ])
}

function attempt(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    return String(error)
  }
}

/** The events of a frame that must have some. */
export function eventsIn(frame: Uint8Array, filters: EventFilters = {}): readonly FirehoseEvent[] {
  const events = read(frame, filters)
  if (typeof events === 'string') throw new Error(`the frame is ${events}`)
  return events
}

/** `commit` of each event that is one. */
export const commitsIn = (frame: Uint8Array, filters: EventFilters = {}) =>
  eventsIn(frame, filters).map((event) => {
    if (event.kind !== 'commit') throw new Error(`the event is of kind ${event.kind}`)
    return event.commit
  })
