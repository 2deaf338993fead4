import { type MonoTypeOperatorFunction, tap } from 'rxjs'
import { type FirehoseEvent, type JetstreamEvent, RecordError, type TapEvent } from '../index.js'
import type { Watch } from './watch.js'

/**
 * Reads each record, which may fail: anyone can write one. The event is then emitted without its
 * record, with `problem: 'record-unreadable'`, and counts as lost.
 */
export const readRecords = <E extends FirehoseEvent | JetstreamEvent>(
  watch: Watch,
): MonoTypeOperatorFunction<E> => tap((event) => readRecord(event, watch))

/** The record of one event, as {@link readRecords} does. */
export function readRecord(event: FirehoseEvent | JetstreamEvent, watch: Watch): void {
  if (event.kind !== 'commit') return
  const error = recordError(event.commit)
  if (error === undefined) return
  const { collection, rkey } = event.commit
  watch.cannotRead(without(event.did, collection, rkey, error.message))
  Object.assign(event.commit, { record: undefined, problem: 'record-unreadable' })
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
