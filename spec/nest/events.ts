import type { AtprotoEvent, Commit, DeleteEvent, RecordEvent } from '../../src/index.js'

let last = 0

const event = (commit: Commit, did: string): AtprotoEvent => {
  last += 1
  return { kind: 'commit', did, time_us: last, commit }
}

const path = (collection: string, rkey: string) => ({ rev: '3l', collection, rkey })

/** A record that was written. */
export const put = (collection: string, rkey = 'a', did = 'did:plc:a'): RecordEvent =>
  event(
    { operation: 'create', ...path(collection, rkey), cid: 'b', record: { rkey } },
    did,
  ) as RecordEvent

/** A record that was deleted. */
export const gone = (collection: string, rkey = 'a', did = 'did:plc:a'): DeleteEvent =>
  event({ operation: 'delete', ...path(collection, rkey) }, did) as DeleteEvent

/** The keys of events. */
export const keysOf = (events: readonly AtprotoEvent[]): readonly string[] =>
  events.flatMap((one) => (one.kind === 'commit' ? [one.commit.rkey] : []))

/** A promise, and what settles it. */
export function gate() {
  let open = (): void => {}
  let fail = (_: unknown): void => {}
  const opened = new Promise<void>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { opened, open, fail }
}

/** A logger for `setLogger`. */
export const silent = { log() {}, warn() {}, error() {} }
