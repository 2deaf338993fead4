import { type Bytes, toBytes } from '@atcute/cbor'
import type { RunHelpers } from 'rxjs/testing'
import type { LabelsConfig } from '../../../src/index.js'
import { labelsOf } from '../../../src/sources/labels/host-labels.js'
import type { FakeLabel } from '../../../src/testing/index.js'
import { frameOf, timeOf } from '../firehose/frames.js'
import { overSessions, type Scripted } from '../over-sessions.js'

export { cursorsOf } from '../over-sessions.js'

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

export const signature = (first = 1): Bytes =>
  toBytes(Uint8Array.from({ length: 64 }, (_, n) => first + n))

/** A frame of labels, each by its `val` or as a whole. */
export const labelsFrame = (seq: number, ...labels: readonly unknown[]): Uint8Array =>
  frameOf('#labels', {
    seq,
    labels: labels.map((one) => (typeof one === 'string' ? label(one, { cts: timeOf(seq) }) : one)),
  })

/** The labels of one host over scripted sessions, and all that it told. */
export function labelsOver(
  helpers: RunHelpers,
  diagrams: readonly string[],
  { frames, errors, ...config }: Omit<LabelsConfig, 'host'> & Scripted,
) {
  const { options, told } = overSessions(helpers, HOST, diagrams, { frames, errors })
  return {
    ...told,
    labels$: labelsOf(HOST, { host: HOST, ...config }, options, told.sessions.dial),
  }
}
