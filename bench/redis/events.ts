import type { FirehoseEvent } from 'rxjs-atproto'
import { generateEvents } from 'rxjs-atproto/testing'

const DIFFERENT = 2000
const COMMIT = 'bafyreigzg3ldyi5mkrjzhbvs2ufknhwvnrqxkwqh4bcbcvh4lzyaqhc4xu'

/**
 * Some thousand commits of a firehose, of about 500 bytes each. Made once and written again and
 * again: making them would cost more than writing them.
 */
export function someEvents(): readonly FirehoseEvent[] {
  const events = [...generateEvents({ count: DIFFERENT, seed: 5 })]
  return events.flatMap((event) =>
    event.kind === 'commit'
      ? [
          {
            ...event,
            cursor: 1,
            time: TIME,
            commit: { ...event.commit, commit: COMMIT },
          } as FirehoseEvent,
        ]
      : [],
  )
}

/** So many of them, in turn. */
export function* repeated(
  events: readonly FirehoseEvent[],
  count: number,
): Generator<FirehoseEvent, void, undefined> {
  for (let n = 0; n < count; n++) yield events[n % events.length] as FirehoseEvent
}

const TIME = '2026-01-01T00:00:00.000Z'
