import { isDid } from '../../atproto/syntax.js'
import { FrameError } from '../../errors.js'
import { Unreadable } from '../../internal/bounded-json.js'
import type { LiteralUnion } from '../../internal/literal-union.js'

/**
 * One repository of a listing, as the server writes it: `com.atproto.sync.listRepos#repo`. Members
 * that a server adds are kept.
 */
export interface RepoEvent {
  readonly did: string
  /** The CID of the repository's newest commit. */
  readonly head: string
  /** Its revision, a TID. */
  readonly rev: string
  /** Whether the account is active. Absent if the server does not send it. */
  readonly active?: boolean
  /** Why the account is not active. Servers may send other values. */
  readonly status?: LiteralUnion<
    'takendown' | 'suspended' | 'deleted' | 'deactivated' | 'desynchronized' | 'throttled'
  >
}

/**
 * Checks that the members that the lexicon requires are there, and the types of all that it
 * defines. Throws {@link FrameError}, whose position is `page`.
 */
export function readRepo(value: unknown, page: number): RepoEvent {
  const broken = (message: string): FrameError =>
    new FrameError(message, { position: page, time_us: 0 })
  if (value instanceof Unreadable) throw broken(`the repo is ${value.why}`)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw broken('the repo is no object')
  const { did, head, rev, active, status } = value as Readonly<Record<string, unknown>>
  if (typeof did !== 'string' || !isDid(did)) throw broken('`did` is no DID')
  if (typeof head !== 'string') throw broken('`head` is missing')
  if (typeof rev !== 'string') throw broken('`rev` is missing')
  if (active !== undefined && typeof active !== 'boolean') throw broken('`active` is no boolean')
  if (status !== undefined && typeof status !== 'string') throw broken('`status` is no string')
  return value as RepoEvent
}
