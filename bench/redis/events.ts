import type { FirehoseEvent } from 'rxjs-atproto'
import { generateEvents } from 'rxjs-atproto/testing'

const COMMIT = 'bafyreigzg3ldyi5mkrjzhbvs2ufknhwvnrqxkwqh4bcbcvh4lzyaqhc4xu'

/**
 * Commits of a firehose, of about 500 bytes each, with cursors from 1 on. No two are alike: a
 * program writes each event once, and JSON.stringify is twice as fast on what it has seen before.
 */
export function* distinctEvents(): Generator<FirehoseEvent, never, undefined> {
  let cursor = 0
  for (const event of generateEvents({ seed: 5 })) {
    if (event.kind !== 'commit') continue
    cursor += 1
    const time = new Date(event.time_us / 1000).toISOString()
    yield { ...event, cursor, time, commit: { ...event.commit, commit: COMMIT } } as FirehoseEvent
  }
  throw new Error('events have an end')
}

/** So many of them. */
export function take<T>(count: number, values: Iterator<T>): readonly T[] {
  return Array.from({ length: count }, () => values.next().value as T)
}
