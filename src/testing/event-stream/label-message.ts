import type { Bytes } from '@atcute/cbor'
import { decodeFrame, encodeFrame } from './firehose-message.js'

/** A label, its members as the wire names them. */
export interface FakeLabel {
  readonly ver?: number
  /** The DID of the labeler. */
  readonly src: string
  /** An at-uri, or the DID of an account. */
  readonly uri: string
  /** One version of the record; if absent, all versions. */
  readonly cid?: string
  readonly val: string
  /** Takes the label back. Absent unless true. */
  readonly neg?: boolean
  readonly cts: string
  readonly exp?: string
  readonly sig?: Bytes
}

/** The body of a `#labels`. */
export interface LabelsBody {
  /** The server sets it if it is absent. */
  readonly seq?: number
  readonly labels: readonly FakeLabel[]
}

/** Encodes a frame of labels. */
export const encodeLabels = (body: LabelsBody): Uint8Array => encodeFrame('#labels', body)

/**
 * The labels in a frame, as JSON of the AT Protocol. Empty for bytes that cannot be decoded.
 *
 * @example
 * await using server = await fakeLabels({ events: 100, stored: 'all' })
 * const sent = server.frames.flatMap(labelsOf)
 */
export function labelsOf(frame: Uint8Array): readonly unknown[] {
  try {
    const { t, body } = decodeFrame(frame)
    return t === '#labels' && Array.isArray(body.labels)
      ? JSON.parse(JSON.stringify(body.labels))
      : []
  } catch {
    return []
  }
}

/** The key of a label: a later label with the same key replaces an earlier one. */
export const subjectOf = ({ src, uri, cid, val }: FakeLabel): string =>
  JSON.stringify([src, uri, cid ?? null, val])
