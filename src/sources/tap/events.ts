import * as z from 'zod/mini'
import { hasMore } from '../../internal/has-more.js'
import type { LiteralUnion } from '../../internal/literal-union.js'

/** A record was written or deleted in a repository that the server tracks. */
export interface TapRecordEvent<Record = unknown> {
  /**
   * The server's number for this event. Not a position: a restarted server may count from 1 again.
   */
  readonly id: number
  readonly type: 'record'
  readonly did: string
  /** The repository's revision, a TID. For a backfilled record, that of the backfill. */
  readonly rev: string
  readonly collection: string
  readonly rkey: string
  readonly action: LiteralUnion<'create' | 'update' | 'delete'>
  /** Whether it happened now. `false` for backfilled and for resynced records. */
  readonly live: boolean
  /** Absent on a delete, where the server could not decode the record, and with a `problem`. */
  readonly record?: Record
  /** The record was received, and is beyond the bounds on content: 64 levels, 131,072 members. */
  readonly problem?: LiteralUnion<'record-unreadable'>
  readonly cid?: string
}

/** An account's handle or hosting status changed, or the account was just added. */
export interface TapIdentityEvent {
  readonly id: number
  readonly type: 'identity'
  readonly did: string
  /** May be `handle.invalid`, and empty as long as it is not known. */
  readonly handle: string
  readonly isActive: boolean
  readonly status: LiteralUnion<'active' | 'takendown' | 'suspended' | 'deactivated' | 'deleted'>
}

/** What a Tap server sends. */
export type TapEvent = TapRecordEvent | TapIdentityEvent

const id = z.int().check(z.nonnegative())

const record = z.looseObject({
  id,
  type: z.literal('record'),
  record: z.looseObject({
    live: z.boolean(),
    did: z.string(),
    rev: z.string(),
    collection: z.string(),
    rkey: z.string(),
    action: z.string(),
    record: z.optional(z.record(z.string(), z.unknown())),
    cid: z.optional(z.string()),
  }),
})

const identity = z.looseObject({
  id,
  type: z.literal('identity'),
  identity: z.looseObject({
    did: z.string(),
    handle: z.string(),
    is_active: z.boolean(),
    status: z.string(),
  }),
})

type Message = z.infer<typeof record> | z.infer<typeof identity>

/**
 * Reads a message of Tap's `/channel` and yields the flat {@link TapEvent}. Statuses and actions
 * are open, and members that a server adds pass as they are. Source: indigo `cmd/tap`, August 2026.
 */
export const tapEventSchema = z.pipe(
  z.discriminatedUnion('type', [record, identity]),
  z.transform((message): TapEvent => {
    const { id, type } = message
    if (message.type === 'identity') return flatIdentity(message)
    const { record } = message
    // Nearly all messages. `id` and `type` are those of the message, even if a server adds members
    // of these names to the record.
    return hasMore(message, MESSAGE_MEMBERS) || 'id' in record || 'type' in record
      ? flat(message, record)
      : ({ id, type, ...record } as TapRecordEvent)
  }),
)

// `id`, `type` and one of `record` and `identity`.
const MESSAGE_MEMBERS = 3

function flatIdentity(message: z.infer<typeof identity>): TapEvent {
  const { did, handle, is_active, status, ...members } = message.identity
  return flat(message, { did, handle, isActive: is_active, status, ...members })
}

/** Puts all members on one level. Those of the message itself cannot be replaced. */
function flat(message: Message, body: object): TapEvent {
  const {
    id,
    type,
    record: _record,
    identity: _identity,
    ...members
  } = message as Message & Partial<Record<'record' | 'identity', unknown>>
  const own = { id, type }
  return { ...own, ...members, ...body, ...own } as unknown as TapEvent
}
