import { FrameError } from '../../errors.js'
import type { JetstreamEvent } from '../../events.js'
import { Unreadable } from '../../internal/bounded-json.js'
import { isObject, type Json } from '../../internal/json.js'
import { makeUnreadable } from '../../internal/unreadable-record.js'

/**
 * Checks the envelope of a v1 event. Unknown kinds, operations, statuses and members pass as they
 * are, since servers may add some. Throws {@link FrameError}, with the event's position if that
 * could be read.
 */
export function readEvent(value: unknown): JetstreamEvent {
  if (!isObject(value)) throw new FrameError(`the frame is no object but ${kindOf(value)}`)
  const { did, time_us, cursor, kind } = value
  if (!Number.isSafeInteger(time_us) || (time_us as number) <= 0)
    throw new FrameError(`\`time_us\` is no position: ${String(time_us)}`)
  if (cursor !== undefined && !Number.isSafeInteger(cursor))
    throw new FrameError(`\`cursor\` is no position: ${String(cursor)}`)
  if (typeof did !== 'string') throw broken(value, '`did` is missing')
  if (kind !== 'commit') refuseUnreadable(value)
  switch (kind) {
    case 'commit':
      checkCommit(value)
      break
    case 'identity':
      if (!isObject(value.identity)) throw broken(value, '`identity` is missing')
      break
    case 'account':
      if (!isObject(value.account)) throw broken(value, '`account` is missing')
      if (typeof value.account.active !== 'boolean')
        throw broken(value, '`account.active` is missing')
      break
    default:
      if (typeof kind !== 'string') throw broken(value, '`kind` is missing')
  }
  return value as unknown as JetstreamEvent
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}

/** Only a commit can be emitted without its record. */
function refuseUnreadable(event: Json): void {
  for (const { record } of [event, event.commit].filter(isObject)) {
    if (record instanceof Unreadable) throw broken(event, `the frame holds what is ${record.why}`)
  }
}

function checkCommit(event: Json): void {
  const commit = event.commit
  if (!isObject(commit)) throw broken(event, '`commit` is missing')
  const { rev, operation, collection, rkey } = commit
  if (
    typeof rev !== 'string' ||
    typeof operation !== 'string' ||
    typeof collection !== 'string' ||
    typeof rkey !== 'string'
  ) {
    throw broken(event, 'the commit lacks its `rev`, `operation`, `collection` or `rkey`')
  }
  if ((operation === 'create' || operation === 'update') && !isObject(commit.record))
    throw broken(event, `the ${operation} has no \`record\``)
  if (commit.record instanceof Unreadable) makeUnreadable(commit, commit.record.why)
}

/** The error of a frame whose content cannot be used, but whose position is known. */
export function broken(event: object, message: string, options?: ErrorOptions): FrameError {
  const { time_us, cursor } = event as { time_us: number; cursor?: number }
  return new FrameError(message, { position: cursor ?? time_us, time_us }, options)
}
