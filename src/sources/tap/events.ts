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
