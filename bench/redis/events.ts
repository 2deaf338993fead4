import type { FirehoseEvent } from 'rxjs-atproto'
import { generateEvents } from 'rxjs-atproto/testing'

const DIFFERENT = 2000
const COMMIT = 'bafyreigzg3ldyi5mkrjzhbvs2ufknhwvnrqxkwqh4bcbcvh4lzyaqhc4xu'

/** Events of a firehose of about 500 bytes, with positions from 1 on; after some thousands the same again. */
export function* firehoseEvents(count: number): Generator<FirehoseEvent, void, undefined> {
  const different = [...generateEvents({ count: DIFFERENT, seed: 5 })].filter(({ kind }) => kind === 'commit')
  for (let n = 0; n < count; n++) {
    const event = different[n % different.length]
    if (event?.kind !== 'commit') continue
    yield { ...event, cursor: n + 1, time: TIME, commit: { ...event.commit, commit: COMMIT } } as FirehoseEvent
  }
}

const TIME = '2026-01-01T00:00:00.000Z'
