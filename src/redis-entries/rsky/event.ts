import { timeUs } from '../../atproto/time.js'
import { checkStrings, isObject, type Json } from '../fields.js'

// rsky's value for "no position": its readers then leave the repository's last commit as it is.
const NO_POSITION = -1
const STATUSES = ['takendown', 'suspended', 'deleted', 'deactivated', 'desynchronized', 'throttled']

/**
 * Encodes an event for rsky's readers. They do not know `since`, `prev` and `time_us`, which are
 * left out. They identify a commit by its CID: an event without one (of a Jetstream) is written
 * like a backfilled record, with the position -1.
 */
export function encodeEvent(event: Json): Json {
  const { kind, commit, identity, account, sync } = event
  const base = { seq: positionOf(event), time: timeOf(event), did: event.did }
  if (kind === 'commit' && isObject(commit)) return commitOf(commit, base)
  // rsky's readers fail on an event without a handle, but do not use the handle.
  if (kind === 'identity' && isObject(identity))
    return { type: 'identity', ...base, handle: identity.handle ?? '' }
  if (kind === 'account' && isObject(account))
    return { type: 'account', ...base, ...pick(account, 'active', 'status') }
  // They do not know sync events: to them this is a repository at a new commit. We decode it again
  // from `sync`.
  if (kind === 'sync' && isObject(sync))
    return { type: 'repo', ...base, commit: sync.commit ?? '', rev: sync.rev, sync }
  const { kind: _kind, ...unknown } = event
  return { type: kind, ...unknown }
}

/** Without spreads, which would cost more per event than all the rest. */
function commitOf(commit: Json, { seq, time, did }: Json): Json {
  const { operation: type, commit: cidOfCommit = '', rev, collection, rkey } = commit
  if (type === 'delete') return { type, seq, time, did, commit: cidOfCommit, rev, collection, rkey }
  // Without a record there must be a `null`, or readers fail on the event.
  const { cid = '', record = null } = commit
  return { type, seq, time, did, commit: cidOfCommit, rev, collection, rkey, cid, record }
}

function positionOf({ kind, cursor, commit, identity, account }: Json): unknown {
  if (kind === 'commit')
    return (isObject(commit) && commit.commit !== undefined ? cursor : undefined) ?? NO_POSITION
  const inner = isObject(identity) ? identity : account
  return cursor ?? (isObject(inner) ? inner.seq : undefined) ?? NO_POSITION
}

function timeOf(event: Json): unknown {
  if (event.time !== undefined) return event.time
  const inner = [event.identity, event.account, event.sync].find(isObject)
  return inner?.time ?? timeText(event.time_us)
}

/** RFC 3339, with microseconds where they are not 0. */
function timeText(time_us: unknown): string {
  const us = typeof time_us === 'number' ? time_us : 0
  const text = new Date(us / 1000).toISOString()
  return us % 1000 === 0 ? text : text.replace('Z', `${String(us % 1000).padStart(3, '0')}Z`)
}

/** Throws {@link FrameError} if `value` is no event. */
export function decodeEvent(value: Json): Json {
  checkStrings('event', value, 'type', 'did')
  const { type, seq, time, did, rev, collection, rkey } = value
  const base = {
    did,
    time_us: timeUs(time),
    ...(typeof seq === 'number' && seq >= 0 ? { cursor: seq } : {}),
    ...pick(value, 'time'),
  }
  switch (type) {
    case 'identity':
      return {
        ...base,
        kind: type,
        identity: { did, ...(value.handle ? { handle: value.handle } : {}), seq, time },
      }
    case 'account':
      return { ...base, kind: type, account: accountOf(value) }
    case 'repo':
      return isObject(value.sync)
        ? { ...base, kind: 'sync', sync: value.sync }
        : { ...base, kind: type, repo: pick(value, 'commit', 'rev', 'seq', 'time') }
    case 'create':
    case 'update':
    case 'delete':
      checkStrings(type, value, 'rev', 'collection', 'rkey')
      return { ...base, kind: 'commit', commit: readCommit(value) }
    default:
      if (typeof rev === 'string' && typeof collection === 'string' && typeof rkey === 'string')
        return { ...base, kind: 'commit', commit: readCommit(value) }
      return unknownEvent(value)
  }
}

function readCommit({ type, rev, commit, collection, rkey, cid, record }: Json): Json {
  return {
    rev,
    ...(commit ? { commit } : {}),
    operation: type,
    collection,
    rkey,
    ...(record === undefined || record === null ? {} : { record }),
    ...(cid ? { cid } : {}),
  }
}

function accountOf({ active, did, seq, status, time }: Json): Json {
  // rsky's ingester writes the names of its own enum, and before 2025 no `active`.
  const wire = STATUSES.find((known) => known === String(status).toLowerCase()) ?? status
  return {
    active: active ?? (status === undefined || status === null),
    did,
    seq,
    ...(wire ? { status: wire } : {}),
    time,
  }
}

function unknownEvent({ type, ...rest }: Json): Json {
  return { ...rest, kind: type }
}

function pick(value: Json, ...members: readonly string[]): Json {
  return Object.fromEntries(
    members
      .filter((member) => value[member] !== undefined)
      .map((member) => [member, value[member]]),
  )
}
