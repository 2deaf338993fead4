import { Issues } from '../../options/issues.js'
import { checkTimers, period } from '../server/check-timers.js'
import type { FakeJetstream, FakeJetstreamOptions } from './contract.js'
import { JetstreamServer } from './server.js'

/**
 * Starts a real WebSocket server that behaves like a Jetstream, on wire v1 (`/subscribe`) and with
 * `server: 'v2'` also on wire v2 (`network.bsky.jetstream.subscribeEvents`), filters, inclusive
 * replay, refusals and compression included, and goes wrong on request.
 *
 * The server has a log. A client with a cursor is sent the log from there, then what is new; a
 * client without one is sent what is new. `events` enter the log when the first client is at its
 * tail, so that even a client without a cursor receives all of them; after a reconnect with the
 * cursor it receives the rest, and without it only what nobody was sent yet.
 *
 * Times are real: the rows' own `time_us` and this machine's clock. permessage-deflate is never
 * taken.
 *
 * **Errors**: rejects with `ConfigError` for a time that no timer can wait, and for a `speed` that
 * is not above 0 or has no `recording`.
 *
 * @example
 * const faults = [{ after: 4_000, do: 'reset' }] as const
 * await using server = await fakeJetstream({ events: 10_000, faults })
 * const count$ = jetstream$({ host: server.url }).pipe(take(10_000), count())
 */
export async function fakeJetstream(options: FakeJetstreamOptions = {}): Promise<FakeJetstream> {
  const { pingEveryMs, writeTimeoutMs, recording } = options
  checkRecording(options)
  checkTimers('fakeJetstream', period, { pingEveryMs, writeTimeoutMs })
  const server = new JetstreamServer(
    recording === undefined
      ? options
      : {
          server: recording.wire === 'v2' ? 'v2' : 'legacy',
          ...options,
          events: recording.frames(),
        },
  )
  await server.listen(options.port ?? 0)
  return server
}

function checkRecording({ events, recording, speed }: FakeJetstreamOptions): void {
  const issues = new Issues()
  if (recording !== undefined && events !== undefined)
    issues.add('events', 'cannot be combined with `recording`')
  if (speed !== undefined && recording === undefined) issues.add('speed', 'needs a `recording`')
  if (speed !== undefined && !(speed > 0)) issues.add('speed', 'must be above 0')
  issues.throwIfAny('fakeJetstream')
}
