import { type MonoTypeOperatorFunction, tap } from 'rxjs'
import { type FirehoseEvent, type JetstreamEvent, RecordError, type TapEvent } from '../index.js'
import type { Watch } from './watch.js'

/**
 * Reads each record, which may fail: strangers write them. Its event goes on without it, with
 * `problem: 'record-unreadable'`, and counts as lost.
 */
export const readRecords = <E extends FirehoseEvent | JetstreamEvent>(
  watch: Watch,
): MonoTypeOperatorFunction<E> =>
  tap((event) => {
    if (event.kind !== 'commit') return
    const error = recordError(event.commit)
    if (error === undefined) return
    const { collection, rkey } = event.commit
    watch.cannotRead(without(event.did, collection, rkey, error.message))
    Object.assign(event.commit, { record: undefined, problem: 'record-unreadable' })
  })

/** Counts the events of a Tap that have come without their record. */
export const seeUnreadable = (watch: Watch): MonoTypeOperatorFunction<TapEvent> =>
  tap((event) => {
    if (event.type !== 'record' || event.problem === undefined) return
    watch.cannotRead(without(event.did, event.collection, event.rkey, event.problem))
  })

const without = (did: string, collection: string, rkey: string, why: string): string =>
  `at://${did}/${collection}/${rkey} is written without its record: ${why}`

/** What reading the record throws. */
function recordError(commit: { readonly record?: unknown }): RecordError | undefined {
  try {
    commit.record
    return undefined
  } catch (error) {
    if (error instanceof RecordError) return error
    throw error
  }
}
