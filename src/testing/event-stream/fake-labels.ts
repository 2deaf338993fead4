import { type GenerateLabelsOptions, generateLabels } from '../generate/labels.js'
import type { ItemSource } from '../server/script.js'
import type { FakeEventStream, FakeEventStreamOptions } from './contract.js'
import { type FakeLabel, type LabelsBody, subjectOf } from './label-message.js'
import type { MessageFacts } from './log.js'
import { StreamServer } from './server.js'

/**
 * One label, which is one frame; the body of a frame, which may hold several; or the bytes of a
 * frame, which go out as they are.
 */
export type LabelItem = FakeLabel | LabelsBody | Uint8Array

/** How {@link fakeLabels} behave. */
export interface FakeLabelsOptions extends FakeEventStreamOptions {
  /**
   * The labels that the server sees, one after another: a number of generated ones, a list or an
   * iterable, or a function that makes the n-th (from 0) until it answers `undefined`. A number or
   * a list is encoded before the promise resolves. Set `retainEvents` with an endless one.
   * @default 0
   */
  readonly events?: number | ItemSource<LabelItem>
  /**
   * How to generate, if `events` is a number.
   * @default { seed: 1 }
   */
  readonly generate?: Omit<GenerateLabelsOptions, 'count'>
}

/** The labels of a labeler on this machine's loopback. Made by {@link fakeLabels}. */
export type FakeLabels = FakeEventStream<LabelItem>

/**
 * Starts a real WebSocket server that speaks `com.atproto.label.subscribeLabels` as ozone does, and
 * goes wrong on request.
 *
 * Like {@link fakeFirehose}, but of labels: one that says something new of the same (`src`, `uri`,
 * `cid`, `val`), such as a negation, takes the place of the earlier one, which a replay does not
 * send any more: its number is missing. A cursor that is too old is clamped in silence; one in the
 * future ends with FutureCursor.
 *
 * @example
 * await using server = await fakeLabels({ events: 1_000, generate: { unsigned: 0.1 } })
 * const cts = '2026-01-01T00:00:00.000Z'
 * server.emit({ src: 'did:plc:labeler', uri: 'did:plc:a', val: 'spam', cts })
 * const sent = server.frames.flatMap(labelsOf)
 */
export async function fakeLabels(options: FakeLabelsOptions = {}): Promise<FakeLabels> {
  const { events = 0, generate } = options
  const source =
    typeof events === 'number' ? [...generateLabels({ ...generate, count: events })] : events
  const server = new StreamServer(
    {
      callee: 'fakeLabels',
      method: 'com.atproto.label.subscribeLabels',
      style: 'ozone',
      kind: LABELS,
      events: source,
    },
    options,
  )
  await server.listen(options.port ?? 0)
  return server
}

const LABELS = {
  messageOf: (item: FakeLabel | LabelsBody) => ({
    t: '#labels',
    body: 'labels' in item ? item : { labels: [item] },
  }),
  factsOf,
}

/** Ozone sends one label a frame: of several nothing is replaced. */
function factsOf(body: object): MessageFacts {
  const [label, ...others] =
    'labels' in body && Array.isArray(body.labels) ? (body.labels as readonly FakeLabel[]) : []
  return label === undefined
    ? {}
    : { time: label.cts, subject: others.length > 0 ? undefined : subjectOf(label) }
}
