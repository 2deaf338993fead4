import type { Open } from './internal/open.js'

/** Types of records by their NSID, for `jetstream$<Records>`. */
export type RecordMap = object

type Nsid<Records extends RecordMap> = keyof Records & string
type RecordOf<Records extends RecordMap, C extends string> = C extends keyof Records ? Records[C] : unknown

interface Envelope {
  /** The repository's DID. */
  readonly did: string
  /** Unix microseconds on the server's clock, when it sequenced the event. Not unique, and not the same on two hosts. */
  readonly time_us: number
  /** The server's sequence number, where it has one (v2 servers). Local to the host. */
  readonly cursor?: number
}

interface CommitBase<C extends string> {
  /** The repository's revision, a TID. All operations of one commit share it. */
  readonly rev: string
  readonly collection: C
  readonly rkey: string
}

/** A record was written for the first time. */
export interface CommitCreate<C extends string = string, R = unknown> extends CommitBase<C> {
  readonly operation: 'create'
  /** atproto JSON: links are `{ $link }`, bytes are `{ $bytes }`. */
  readonly record: R
  readonly cid: string
}

/** A record was written over. Treat as an upsert: the create may be older than the server's log. */
export interface CommitUpdate<C extends string = string, R = unknown> extends CommitBase<C> {
  readonly operation: 'update'
  readonly record: R
  readonly cid: string
}

/** A record was deleted. The wire does not say what it held. */
export interface CommitDelete<C extends string = string> extends CommitBase<C> {
  readonly operation: 'delete'
  readonly record?: never
  readonly cid?: never
}

/** What happened to one record. */
export type Commit<C extends string = string, R = unknown> = CommitCreate<C, R> | CommitUpdate<C, R> | CommitDelete<C>

/** One operation on one record. A commit of n operations is n events. */
export interface CommitEvent<C extends string = string, R = unknown> extends Envelope {
  readonly kind: 'commit'
  readonly commit: Commit<C, R>
}

/** The DID document or the handle changed: resolve it again. `handle` is a hint, and often absent. */
export interface IdentityEvent extends Envelope {
  readonly kind: 'identity'
  readonly identity: { readonly did: string; readonly handle?: string; readonly seq: number; readonly time: string }
}

/** The account's hosting status changed. `status` is absent while the account is active, and open: servers add values. */
export interface AccountEvent extends Envelope {
  readonly kind: 'account'
  readonly account: {
    readonly active: boolean
    readonly did: string
    readonly seq: number
    readonly status?: Open<'takendown' | 'suspended' | 'deleted' | 'deactivated' | 'desynchronized' | 'throttled'>
    readonly time: string
  }
}

/** The repository's state was set anew, outside its log. Wire v2 and the firehose only. */
export interface SyncEvent extends Envelope {
  readonly kind: 'sync'
  readonly sync: {
    readonly did: string
    readonly rev: string
    readonly seq: number
    readonly time: string
    readonly [member: string]: unknown
  }
}

/** What Jetstream says, as the v1 wire writes it. Kinds a server adds later pass through as they are, whatever the type says. */
export type JetstreamEvent<Records extends RecordMap = RecordMap> =
  | ([Nsid<Records>] extends [never] ? CommitEvent : { [C in Nsid<Records>]: CommitEvent<C, RecordOf<Records, C>> }[Nsid<Records>])
  | IdentityEvent
  | AccountEvent
  | SyncEvent
