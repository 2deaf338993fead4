import { BytesWrapper, CidLinkWrapper } from '@atcute/cbor'
import { linkText } from '../../atproto/cid.js'
import type { Wanted } from '../../atproto/filters.js'
import { toJson } from '../../atproto/json.js'
import { type MessageParts, NO_PART } from '../../delivery/split-delivery.js'
import type { FirehoseEvent } from '../../events.js'
import { hasMore } from '../../internal/has-more.js'
import { defineLazyProblem } from '../../internal/lazy-record.js'
import { type CommitBody, collectionOf, type Message, type Op } from './message.js'
import { keepFrame } from './raw-frame.js'
import { defineRecord } from './record.js'
import { RecordFinder } from './record-finder.js'

/** Whether the filter wants any event of the message. Does not read its blocks. */
export function wantsAny(message: Message, wanted: Wanted): boolean {
  const { kind, did } = message
  if (kind !== 'commit') return wanted(kind, did)
  const { ops, tooBig } = commitOf(message)
  return (
    ops.some(({ path }) => wanted(kind, did, collectionOf(path))) ||
    (tooBig === true && wanted('sync', did))
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
    this.length = ops.length + (tooBig === true ? 1 : 0)
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
    if (!this.wanted(kind, did, collectionOf(op.path))) return undefined
    return eventOf(this.message, kind, operationOf(this.#commit, op, index))
  }
}

/** An identity, an account or a sync is one event. */
const ONE = { ops: { length: 1 }, tooBig: false }

/** What the operations of a commit share. */
interface WholeCommit {
  readonly body: CommitBody
  readonly commit: string
  readonly finder: RecordFinder
  readonly added: Added | undefined
}

const wholeCommit = (body: CommitBody): WholeCommit => ({
  body,
  commit: linkText(body.commit),
  finder: new RecordFinder(body),
  added: addedToCommit(body),
})

const commitOf = ({ body }: Message): CommitBody => body as unknown as CommitBody

/** The members in Jetstream's order, then those that this library adds. */
function operationOf(
  { body: { rev, since }, commit, finder, added }: WholeCommit,
  op: Op,
  index: number,
): object {
  const { action, path, cid, prev } = op
  const collection = collectionOf(path)
  const rkey = path.slice(collection.length + 1)
  const operation: Record<string, unknown> = { rev, operation: action, collection, rkey }
  const link = action !== 'delete' && cid instanceof CidLinkWrapper ? cid : undefined
  if (link !== undefined) {
    defineRecord(operation, finder, index)
    operation.cid = linkText(link)
  }
  if (prev instanceof CidLinkWrapper) operation.prev = linkText(prev)
  if (typeof since === 'string') operation.since = since
  operation.commit = commit
  // What is seen without the blocks is known at once.
  if (!isPath(collection, rkey)) operation.problem = 'path-malformed'
  else if (link !== undefined) defineLazyProblem(operation)
  else if (action !== 'delete') operation.problem = 'record-missing'
  return withAdded(withAdded(operation, addedToOp(op)), added)
}

/**
 * Whether a path is a collection, a slash and a key:
 * https://atproto.com/specs/repository#repo-data-structure-v3.
 */
const isPath = (collection: string, rkey: string): boolean =>
  collection !== '' && rkey !== '' && !rkey.includes('/')

/** An identity, account or sync event: the message's own members, as on Jetstream's v1 wire. */
function plainEvent(message: Message): FirehoseEvent {
  const { did, seq, time, kind } = message
  const { handle, active, status, rev, blocks } = message.body
  const body = (members: object) => withAdded(members, addedTo(message.body, BODY_MEMBERS[kind]))
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

// --- Members that a server adds ---

type Added = Readonly<Record<string, unknown>>

/** The members that the lexicon defines. */
const BODY_MEMBERS = {
  commit: new Set([
    'ops',
    'rev',
    'seq',
    'repo',
    'time',
    'blobs',
    'since',
    'blocks',
    'commit',
    'rebase',
    'tooBig',
    'prevData',
  ]),
  identity: new Set(['did', 'seq', 'time', 'handle']),
  account: new Set(['did', 'seq', 'time', 'active', 'status']),
  sync: new Set(['did', 'rev', 'seq', 'time', 'blocks']),
} as const
const OP_MEMBERS: ReadonlySet<string> = new Set(['action', 'path', 'cid', 'prev'])

/** Counts the members before it looks up any name: a dozen look-ups take nearly a microsecond. */
function addedToCommit(body: CommitBody): Added | undefined {
  const { blobs, since, blocks, rebase, tooBig, prevData } = body as unknown as Readonly<
    Record<string, unknown>
  >
  let known = ALWAYS_THERE
  if (blobs !== undefined) known += 1
  if (since !== undefined) known += 1
  if (blocks !== undefined) known += 1
  if (rebase !== undefined) known += 1
  if (tooBig !== undefined) known += 1
  if (prevData !== undefined) known += 1
  return hasMore(body, known) ? addedTo(body, BODY_MEMBERS.commit) : undefined
}

// `ops`, `rev`, `seq`, `repo`, `time` and `commit`: `readMessage` requires them.
const ALWAYS_THERE = 6

function addedToOp(op: Op): Added | undefined {
  const known = 2 + (op.cid === undefined ? 0 : 1) + (op.prev === undefined ? 0 : 1)
  return hasMore(op, known) ? addedTo(op, OP_MEMBERS) : undefined
}

/** The members that are not known, as JSON. Returns `undefined` if there are none, as usual. */
function addedTo(members: object, known: ReadonlySet<string>): Added | undefined {
  let added: Record<string, unknown> | undefined
  for (const name in members) {
    if (known.has(name) || name === '__proto__') continue
    added ??= {}
    added[name] = toJson((members as Added)[name])
  }
  return added
}

/** Copies the added members to `members`, except those whose names are taken. */
function withAdded(members: object, added: Added | undefined): object {
  for (const name in added)
    if (!(name in members)) (members as Record<string, unknown>)[name] = added[name]
  return members
}
