import * as z from 'zod/mini'
import type { Open } from '../../internal/open.js'

/** A record was written or deleted in a repository that the server tracks. */
export interface TapRecordEvent<Record = unknown> {
  /** The server's number for this event. Not a position: a restarted server may count from 1 again. */
  readonly id: number
  readonly type: 'record'
  readonly did: string
  /** The repository's revision, a TID. For a backfilled record, that of the backfill. */
  readonly rev: string
  readonly collection: string
  readonly rkey: string
  readonly action: Open<'create' | 'update' | 'delete'>
  /** Whether it happened now. `false` for backfilled and for resynced records. */
  readonly live: boolean
  /** Absent on a delete, and where the server could not decode the record. */
  readonly record?: Record
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
  readonly status: Open<'active' | 'takendown' | 'suspended' | 'deactivated' | 'deleted'>
}

/** What a Tap server sends. */
export type TapEvent = TapRecordEvent | TapIdentityEvent

const id = z.int().check(z.nonnegative())

const record = z.object({
  id,
  type: z.literal('record'),
  record: z.object({
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

const identity = z.object({
  id,
  type: z.literal('identity'),
  identity: z.object({ did: z.string(), handle: z.string(), is_active: z.boolean(), status: z.string() }),
})

/**
 * Reads a message of Tap's `/channel` and yields the flat {@link TapEvent}. Members that a server adds are left out; statuses and actions are
 * open. Source: indigo `cmd/tap`, August 2026.
 */
export const tapEventSchema = z.pipe(
  z.discriminatedUnion('type', [record, identity]),
  z.transform((message): TapEvent => {
    if (message.type === 'record') return { id: message.id, type: 'record', ...message.record } as TapRecordEvent
    const { did, handle, is_active, status } = message.identity
    return { id: message.id, type: 'identity', did, handle, isActive: is_active, status }
  }),
)
