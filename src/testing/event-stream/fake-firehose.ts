import { type GenerateCommitsOptions, generateCommits } from '../generate/commits.js'
import type { ItemSource } from '../server/script.js'
import type { FakeEventStream, FakeEventStreamOptions } from './contract.js'
import type { FirehoseMessage } from './firehose-message.js'
import type { StreamMessage } from './log.js'
import { StreamServer } from './server.js'

/**
 * A message, or the bytes of a frame, which go out as they are. A message without `seq` gets the
 * next one.
 */
export type FirehoseItem = FirehoseMessage | Uint8Array

/** How a {@link fakeFirehose} behaves. */
export interface FakeFirehoseOptions extends FakeEventStreamOptions {
  /**
   * The messages that the server sees, one after another: a number of generated ones, a list or an
   * iterable, or a function that makes the n-th (from 0) until it answers `undefined`. A number or
   * a list is encoded before the promise resolves. Set `retainEvents` with an endless one.
   * @default 0
   */
  readonly events?: number | ItemSource<FirehoseItem>
  /**
   * How to generate, if `events` is a number.
   * @default { seed: 1, firstSeq }
   */
  readonly generate?: Omit<GenerateCommitsOptions, 'count'>
  /**
   * Whose behaviour: that of a PDS, or of the indigo relay, which also takes the handle out of an
   * `#identity`.
   * @default 'pds'
   */
  readonly style?: 'pds' | 'relay'
}

/** A firehose on this machine's loopback. Made by {@link fakeFirehose}. */
export type FakeFirehose = FakeEventStream<FirehoseItem>

/**
 * Starts a real WebSocket server that speaks `com.atproto.sync.subscribeRepos` as a PDS or a relay
 * does, its refusals included, and goes wrong on request.
 *
 * **Cursor**: what follows it is sent, not the message itself. Too old: a PDS tells with `#info`, a
 * relay is silent. In the future: a PDS ends with FutureCursor, a relay sends what comes, but for
 * the first message. No integer: an error frame from a PDS, 400 from a relay. **Order**: as
 * `events` come, which enter the log when the first client is at its tail: even a client without a
 * cursor receives all of them. **Ends**: an error frame, after which a PDS closes with 1008 and a
 * relay ends the TCP connection; else 1006.
 *
 * A real PDS looks for something new up to a second late; this server does not.
 *
 * **Errors**: rejects with `ConfigError` for a time that no timer can wait.
 *
 * @example
 * const faults = [{ after: 4_000, do: 'reset' }] as const
 * await using server = await fakeFirehose({ events: 10_000, style: 'relay', faults })
 * const dids$ = firehose$({ host: server.url, cursor: 'oldest' }).pipe(
 *   map(({ did }) => did),
 *   take(10_000),
 * )
 */
export async function fakeFirehose(options: FakeFirehoseOptions = {}): Promise<FakeFirehose> {
  const { style = 'pds', firstSeq = 1, generate, events = 0 } = options
  const source =
    typeof events === 'number'
      ? [...generateCommits({ firstSeq, ...generate, count: events })]
      : events
  const kind = {
    factsOf,
    messageOf: style === 'relay' ? relayed : (message: FirehoseMessage) => message,
  }
  const server = new StreamServer(
    {
      callee: 'fakeFirehose',
      method: 'com.atproto.sync.subscribeRepos',
      style,
      kind,
      events: source,
    },
    options,
  )
  await server.listen(options.port ?? 0)
  return server
}

const factsOf = (body: object) => ({
  time: 'time' in body && typeof body.time === 'string' ? body.time : undefined,
})

/** A relay does not vouch for a handle. */
const relayed = (message: FirehoseMessage): StreamMessage =>
  message.t === '#identity' ? { ...message, body: { ...message.body, handle: undefined } } : message
