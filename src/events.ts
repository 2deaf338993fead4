import type { LiteralUnion } from './internal/literal-union.js'

/** Types of records by their NSID, for `jetstream$<Records>`. */
export type RecordMap = object

type Nsid<Records extends RecordMap> = keyof Records & string
type RecordOf<Records extends RecordMap, C extends string> = C extends keyof Records
  ? Records[C]
  : unknown

interface Envelope {
  /** The repository's DID. */
  readonly did: string
  /**
   * Unix microseconds on the server's clock, when it sequenced the event. Not unique, and not the
   * same on two hosts.
   */
  readonly time_us: number
  /** The server's sequence number, where it has one (v2 servers). Local to the host. */
  readonly cursor?: number
}

/** The problem of a written record that cannot be read. */
interface MaybeUnreadable {
  /**
   * The record is beyond the bounds on content: 64 levels, 131,072 members. The commit then has no
   * `record`, and reading it throws `RecordError`.
   */
  readonly problem?: LiteralUnion<'record-unreadable'> | undefined
}

interface CommitBase<C extends string> {
  /** The repository's revision, a TID. All operations of one commit share it. */
  readonly rev: string
  readonly collection: C
  readonly rkey: string
}

/** A record was written for the first time. */
export interface CommitCreate<C extends string = string, R = unknown>
  extends CommitBase<C>,
    MaybeUnreadable {
  readonly operation: 'create'
  /** atproto JSON: links are `{ $link }`, bytes are `{ $bytes }`. */
  readonly record: R
  readonly cid: string
}

/** A record was overwritten. Treat as an upsert: the create may be older than the server's log. */
export interface CommitUpdate<C extends string = string, R = unknown>
  extends CommitBase<C>,
    MaybeUnreadable {
  readonly operation: 'update'
  readonly record: R
  readonly cid: string
}

/** A record was deleted. The wire does not include its content. */
export interface CommitDelete<C extends string = string> extends CommitBase<C> {
  readonly operation: 'delete'
  readonly record?: never
  readonly cid?: never
}

/** What happened to one record. */
export type Commit<C extends string = string, R = unknown> =
  | CommitCreate<C, R>
  | CommitUpdate<C, R>
  | CommitDelete<C>

/** One operation on one record. A commit of n operations is n events. */
export interface CommitEvent<C extends string = string, R = unknown> extends Envelope {
  readonly kind: 'commit'
  readonly commit: Commit<C, R>
}

/**
 * The DID document or the handle changed: resolve it again. `handle` is a hint, and often absent.
 */
export interface IdentityEvent extends Envelope {
  readonly kind: 'identity'
  readonly identity: {
    readonly did: string
    readonly handle?: string
    readonly seq: number
    readonly time: string
  }
}

/**
 * The account's hosting status changed. `status` is absent while the account is active. Its values
 * are open: servers add more.
 */
export interface AccountEvent extends Envelope {
  readonly kind: 'account'
  readonly account: {
    readonly active: boolean
    readonly did: string
    readonly seq: number
    readonly status?: LiteralUnion<
      'takendown' | 'suspended' | 'deleted' | 'deactivated' | 'desynchronized' | 'throttled'
    >
    readonly time: string
  }
}

/** The repository's state was reset outside its log. Wire v2 and the firehose only. */
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

/** A record was written: a create or an update, of a Jetstream or a firehose alike. */
export interface RecordEvent<R = unknown, C extends string = string> extends Envelope {
  readonly kind: 'commit'
  readonly commit: CommitCreate<C, R> | CommitUpdate<C, R>
}

/** A record was deleted, of a Jetstream or a firehose alike. */
export interface DeleteEvent<C extends string = string> extends Envelope {
  readonly kind: 'commit'
  readonly commit: CommitDelete<C>
}

/** Any event of a Jetstream or a firehose. */
export type AtprotoEvent = CommitEvent | IdentityEvent | AccountEvent | SyncEvent

/**
 * An event of a Jetstream, as the v1 wire writes it. Kinds that a server adds later pass through
 * unchanged, although the type does not list them.
 */
export type JetstreamEvent<Records extends RecordMap = RecordMap> =
  | ([Nsid<Records>] extends [never]
      ? CommitEvent
      : { [C in Nsid<Records>]: CommitEvent<C, RecordOf<Records, C>> }[Nsid<Records>])
  | IdentityEvent
  | AccountEvent
  | SyncEvent

/**
 * What is wrong with an operation: its path, its record, or the block section that should contain
 * the record. Open: later versions may add values.
 */
export type RecordProblem = LiteralUnion<
  /**
   * The block is not in the section. Normal if a later operation of the commit wrote the same path
   * again.
   */
  | 'record-missing'
  /** The block's hash is not its CID. */
  | 'record-mismatch'
  /** The section is not a CAR, or ends before the record. */
  | 'blocks-unreadable'
  /** The section exceeds the 2,000,000 bytes that the protocol allows, and was not read. */
  | 'blocks-too-large'
  /**
   * The operation's path is not a collection, a slash and a key. `rkey` is the text after the first
   * slash, if any.
   */
  | 'path-malformed'
>

interface FirehoseEnvelope extends Envelope {
  /** The server's sequence number (`seq`). All events of one commit share it. */
  readonly cursor: number
  /** The message's `time`, as the wire wrote it. */
  readonly time: string
}

interface FirehoseCommitBase<C extends string> extends CommitBase<C> {
  /** The CID of the commit block. All operations of one commit share it. */
  readonly commit: string
  /** The revision before this one; absent on a repository's first commit. */
  readonly since?: string
  /** The CID of the previous record, if the server sends it. */
  readonly prev?: string
}

/** A record, or what is wrong with it. */
type Written<R> =
  | {
      /**
       * Decoded at the first read, which throws `RecordError` if it fails. atproto JSON, as on a
       * Jetstream.
       */
      readonly record: R
      readonly cid: string
      /**
       * The section names another commit as its root, or the path is malformed. The record is the
       * one that the operation names. Looked up at the first read, as `record` is.
       */
      readonly problem?: 'root-mismatch' | 'path-malformed' | undefined
    }
  | { readonly record: undefined; readonly cid: string; readonly problem: RecordProblem }

/** One operation of a commit, as {@link Commit}, with the additional members of the firehose. */
export type FirehoseCommit<C extends string = string, R = unknown> = FirehoseCommitBase<C> &
  (
    | ({ readonly operation: 'create' } & Written<R>)
    | ({ readonly operation: 'update' } & Written<R>)
    | {
        readonly operation: 'delete'
        readonly record?: never
        readonly cid?: never
        readonly problem?: 'path-malformed'
      }
  )

/** One operation on one record, from the firehose. */
export interface FirehoseCommitEvent<C extends string = string, R = unknown>
  extends FirehoseEnvelope {
  readonly kind: 'commit'
  readonly commit: FirehoseCommit<C, R>
}

/**
 * An event of `firehose$`: that of a Jetstream, with more members. Operations and statuses that the
 * network adds later pass through.
 */
export type FirehoseEvent<Records extends RecordMap = RecordMap> =
  | ([Nsid<Records>] extends [never]
      ? FirehoseCommitEvent
      : { [C in Nsid<Records>]: FirehoseCommitEvent<C, RecordOf<Records, C>> }[Nsid<Records>])
  | (IdentityEvent & FirehoseEnvelope)
  | (AccountEvent & FirehoseEnvelope)
  | (SyncEvent & FirehoseEnvelope)
