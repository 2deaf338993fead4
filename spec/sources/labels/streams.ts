import { type Bytes, toBytes } from '@atcute/cbor'
import { skip } from 'rxjs'
import type { RunHelpers } from 'rxjs/testing'
import { type Gap, type LabelsConfig, type RejectedFrame, type StreamMetrics, streamMetrics } from '../../../src/index.js'
import { labelsOf } from '../../../src/sources/labels/host-labels.js'
import type { FakeLabel } from '../../../src/testing/index.js'
import { quiet, Sessions, type SessionsOptions } from '../../connection/sessions.js'
import { frameOf, timeOf } from '../firehose/frames.js'

export const HOST = 'wss://labeler.test/xrpc/com.atproto.label.subscribeLabels'
export const SRC = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'

/** A label as a spec writes it; its `val` names it. */
export const label = (val: string, changes: object = {}): FakeLabel => ({
  ver: 1,
  src: SRC,
  uri: 'did:plc:bbbbbbbbbbbbbbbbbbbbbbbb',
  val,
  cts: timeOf(0),
  ...changes,
})

export const signature = (first = 1): Bytes => toBytes(Uint8Array.from({ length: 64 }, (_, n) => first + n))

/** A frame of labels, each by its `val` or as a whole. */
export const labelsFrame = (seq: number, ...labels: readonly unknown[]): Uint8Array =>
  frameOf('#labels', { seq, labels: labels.map((one) => (typeof one === 'string' ? label(one, { cts: timeOf(seq) }) : one)) })

type Options = Omit<LabelsConfig, 'host'> & Pick<SessionsOptions, 'frames' | 'errors'>

/** The labels of one host over scripted sessions, and all that it told. */
export function labelsOver(helpers: RunHelpers, diagrams: readonly string[], { frames = {}, errors, ...config }: Options) {
  const sessions = new Sessions(helpers, diagrams, { frames, ...(errors === undefined ? {} : { errors }) })
  const metrics$ = streamMetrics()
  const [snapshots, gaps, rejects]: [StreamMetrics[], Gap[], RejectedFrame[]] = [[], [], []]
  metrics$.pipe(skip(1)).subscribe((snapshot) => snapshots.push(snapshot))
  const options = {
    ...quiet,
    hosts: [HOST] as const,
    metrics$,
    gaps: { next: (gap: Gap) => gaps.push(gap) },
    rejects: { next: (rejected: RejectedFrame) => rejects.push(rejected) },
  }
  return { sessions, metrics$, snapshots, gaps, rejects, labels$: labelsOf(HOST, { host: HOST, ...config }, options, sessions.dial) }
}

/** What each dial asked for. */
export const cursorsOf = ({ urls }: Sessions): readonly (string | null)[] => urls.map((url) => new URL(url).searchParams.get('cursor'))
