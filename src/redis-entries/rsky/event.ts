import { timeUs } from '../../atproto/time.js'
import { checkStrings, isObject, type Json } from '../fields.js'

// rsky's own word for "no position": its readers then leave the repository's last commit alone.
const NO_POSITION = -1
const STATUSES = ['takendown', 'suspended', 'deleted', 'deactivated', 'desynchronized', 'throttled']

/**
 * An event as rsky's readers know it. They know no `since`, `prev` or `time_us`, which stay behind;
 * and they know a commit by its CID, so that an event without one (a Jetstream's) is written as
 * they write a backfilled record: with the position -1.
 */
export function encodeEvent(event: Json): Json {
  const { kind, commit, identity, account, sync } = event
  const base = { seq: positionOf(event), time: timeOf(event), did: event.did }
  if (kind === 'commit' && isObject(commit)) return commitOf(commit, base)
  // Without a handle rsky's readers cannot read the event; they do not look at what it is.
  if (kind === 'identity' && isObject(identity))
    return { type: 'identity', ...base, handle: identity.handle ?? '' }
  if (kind === 'account' && isObject(account))
    return { type: 'account', ...base, ...pick(account, 'active', 'status') }
  // They know no sync: to them it is a repository that is now at this commit. `sync` is what we
  // read it back from.
  if (kind === 'sync' && isObject(sync))
    return { type: 'repo', ...base, commit: sync.commit ?? '', rev: sync.rev, sync }
  const { kind: _kind, ...unknown } = event
  return { type: kind, ...unknown }
}

/** Written out twice: a spread for each event costs more than the rest. */
function commitOf(commit: Json, { seq, time, did }: Json): Json {
  const { operation: type, commit: cidOfCommit = '', rev, collection, rkey } = commit
  if (type === 'delete') return { type, seq, time, did, commit: cidOfCommit, rev, collection, rkey }
  // A record that could not be had is `null`, without which the event cannot be read.
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

/** RFC 3339, to the microsecond where there is more than a millisecond's worth. */
function timeText(time_us: unknown): string {
  const us = typeof time_us === 'number' ? time_us : 0
  const text = new Date(us / 1000).toISOString()
  return us % 1000 === 0 ? text : text.replace('Z', `${String(us % 1000).padStart(3, '0')}Z`)
}

/** The event that `value` tells. Throws {@link FrameError} on what none can be read from. */
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
