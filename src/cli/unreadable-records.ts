import { type MonoTypeOperatorFunction, tap } from 'rxjs'
import { type FirehoseEvent, type JetstreamEvent, RecordError, type TapEvent } from '../index.js'
import type { Watch } from './watch.js'

/**
 * Reads each record, which may fail: anyone can write one. The event is then emitted without its
 * record, with `problem: 'record-unreadable'`, and counts as lost.
 */
export const readRecords = <E extends FirehoseEvent | JetstreamEvent>(
  watch: Watch,
): MonoTypeOperatorFunction<E> => tap((event) => void readRecord(event, watch))

/** Reads the record of one event, as {@link readRecords} does. Returns what is to be written. */
export function readRecord(event: FirehoseEvent | JetstreamEvent, watch: Watch): object {
  if (event.kind !== 'commit') return event
  const error = recordError(event.commit)
  if (error === undefined) return event
  const { collection, rkey } = event.commit
  watch.cannotRead(without(event.did, collection, rkey, error.message))
  const problem = 'record-unreadable'
  if ((event.commit as object) !== event) {
    Object.assign(event.commit, { record: undefined, problem })
    return event
  }
  // A raw event cannot be changed.
  const { did, time_us, cursor, kind, commit } = event
  const { rev, operation } = commit
  return { did, time_us, cursor, kind, commit: { rev, operation, collection, rkey, problem } }
}

/** Counts the events of a Tap that arrived without their record. */
export const seeUnreadable = (watch: Watch): MonoTypeOperatorFunction<TapEvent> =>
  tap((event) => {
    if (event.type !== 'record' || event.problem === undefined) return
    watch.cannotRead(without(event.did, event.collection, event.rkey, event.problem))
  })

const without = (did: string, collection: string, rkey: string, reason: string): string =>
  `at://${did}/${collection}/${rkey} is written without its record: ${reason}`

/** The error of reading the record, if any. */
function recordError(commit: { readonly record?: unknown }): RecordError | undefined {
  try {
    commit.record
    return undefined
  } catch (error) {
    if (error instanceof RecordError) return error
    throw error
  }
}
