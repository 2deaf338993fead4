import { BytesWrapper } from '@atcute/cbor'
import { base32Cid } from '../../atproto/base32.js'
import type { Wanted } from '../../atproto/filters.js'
import type { Body } from '../../atproto/frame.js'
import { toJson } from '../../atproto/json.js'
import type { Span } from '../../atproto/shape-reader.js'
import { type MessageParts, NO_PART } from '../../delivery/split-delivery.js'
import type { FirehoseEvent } from '../../events.js'
import { defineLazyProblem } from '../../internal/lazy-record.js'
import { addedTo, withAdded } from './added.js'
import type { Commit, Op } from './commit.js'
import type { Message } from './message.js'
import { keepFrame } from './raw-frame.js'
import { defineRecord } from './record.js'
import { RecordFinder } from './record-finder.js'

/** Whether the filter wants any event of the message. Does not read its blocks. */
export function wantsAny(message: Message, wanted: Wanted): boolean {
  const { kind, did } = message
  if (kind !== 'commit') return wanted(kind, did)
  const { ops, tooBig } = commitOf(message)
  return (
    ops.some(({ collection }) => wanted(kind, did, collection)) || (tooBig && wanted('sync', did))
  )
}

/** The wanted events of one message. A commit has one event for each operation. */
export class MessageEvents implements MessageParts<FirehoseEvent> {
  readonly length: number
  readonly #commit: WholeCommit | undefined

  /** `accepts`: a last check of each wanted event. Returns false to leave the event out. */
  constructor(
    private readonly message: Message,
    private readonly wanted: Wanted,
    private readonly accepts: (event: FirehoseEvent, message: Message) => boolean,
  ) {
    this.#commit = message.kind === 'commit' ? wholeCommit(commitOf(message)) : undefined
    // A commit that is too big has one more event, after its operations.
    const { ops, tooBig } = this.#commit?.body ?? ONE
    this.length = ops.length + (tooBig ? 1 : 0)
  }

  at(index: number): FirehoseEvent | typeof NO_PART {
    const event = this.#eventAt(index)
    return event !== undefined && this.accepts(event, this.message) ? event : NO_PART
  }

  #eventAt(index: number): FirehoseEvent | undefined {
    const { kind, did } = this.message
    if (this.#commit === undefined)
      return this.wanted(kind, did) ? plainEvent(this.message) : undefined
    const op = this.#commit.body.ops[index]
    // The server left the operations out. The `sync` event tells the program to fetch the
    // repository.
    if (op === undefined) return this.wanted('sync', did) ? tooBigEvent(this.message) : undefined
    if (!this.wanted(kind, did, op.collection)) return undefined
    return eventOf(this.message, kind, operationOf(this.#commit, op, index))
  }
}

/** An identity, an account or a sync is one event. */
const ONE = { ops: { length: 1 }, tooBig: false }

/** What the operations of a commit share. */
interface WholeCommit {
  readonly body: Commit
  readonly commit: string
  readonly finder: RecordFinder
}

const wholeCommit = (body: Commit): WholeCommit => ({
  body,
  commit: cidText(body.commit),
  finder: new RecordFinder(body),
})

const commitOf = ({ body }: Message): Commit => body as Commit

/** The members in Jetstream's order, then those that this library adds. */
function operationOf({ body, commit, finder }: WholeCommit, op: Op, index: number): object {
  const { action, collection, rkey, cid, prev } = op
  const isNamed = action !== 'delete' && cid !== undefined
  const operation: Record<string, unknown> = {
    rev: body.rev,
    operation: action,
    collection,
    rkey,
  }
  if (isNamed) {
    defineRecord(operation, finder, index)
    operation.cid = cidText(cid)
  }
  if (prev !== undefined) operation.prev = cidText(prev)
  if (body.since !== undefined) operation.since = body.since
  operation.commit = commit
  // What is seen without the blocks is known at once.
  if (!isPath(collection, rkey)) operation.problem = 'path-malformed'
  else if (isNamed) defineLazyProblem(operation)
  else if (action !== 'delete') operation.problem = 'record-missing'
  return withAdded(withAdded(operation, op.added), body.added)
}

const cidText = ({ bytes, from, to }: Span): string => base32Cid(bytes, from, to)

/**
 * Whether a path is a collection, a slash and a key:
 * https://atproto.com/specs/repository#repo-data-structure-v3.
 */
const isPath = (collection: string, rkey: string): boolean =>
  collection !== '' && rkey !== '' && !rkey.includes('/')

/** An identity, account or sync event: the message's own members, as on Jetstream's v1 wire. */
function plainEvent(message: Message): FirehoseEvent {
  const { did, seq, time, kind } = message
  const { handle, active, status, rev, blocks } = message.body as Body
  const body = (members: object) =>
    withAdded(members, addedTo(message.body, MEMBERS[kind as keyof typeof MEMBERS]))
  switch (kind) {
    case 'identity':
      return eventOf(message, kind, body({ did, ...given('handle', handle), seq, time }))
    case 'account':
      return eventOf(message, kind, body({ active, did, seq, ...given('status', status), time }))
    default:
      return eventOf(
        message,
        kind,
        body({
          did,
          rev,
          seq,
          time,
          ...(blocks instanceof BytesWrapper ? { blocks: toJson(blocks) } : {}),
        }),
      )
  }
}

function tooBigEvent(message: Message): FirehoseEvent {
  const { did, seq, time } = message
  return eventOf(message, 'sync', { did, rev: commitOf(message).rev, seq, time, tooBig: true })
}

const given = (name: string, value: unknown): object =>
  typeof value === 'string' ? { [name]: value } : {}

function eventOf(message: Message, kind: Message['kind'], body: object): FirehoseEvent {
  const { did, time_us, seq, time } = message
  const event = { did, time_us, cursor: seq, time, kind, [kind]: body }
  keepFrame(event, message.frame)
  return event as unknown as FirehoseEvent
}

/** The members that the lexicon defines. */
const MEMBERS = {
  identity: new Set(['did', 'seq', 'time', 'handle']),
  account: new Set(['did', 'seq', 'time', 'active', 'status']),
  sync: new Set(['did', 'rev', 'seq', 'time', 'blocks']),
} as const
