import { type Body, positionOfBody, readFrame } from '../../atproto/frame.js'
import { timeUs } from '../../atproto/time.js'
import { FrameError } from '../../errors.js'
import { Control } from '../../live/protocol.js'
import type { Frame } from '../../socket/frame.js'
import { type LabelEvent, readLabel } from './label.js'

/** One frame. The lexicon allows several labels in a frame; ozone sends one. */
export interface Message {
  readonly seq: number
  /** When the first label was created; 0 if that cannot be read. */
  readonly time_us: number
  /** A label that cannot be read is an error in its place; the others are kept. */
  readonly labels: readonly (LabelEvent | FrameError)[]
  readonly frame: Frame
}

/**
 * Reads a frame of `com.atproto.label.subscribeLabels`. Throws {@link FrameError}, and
 * `ServerError` for an error frame.
 */
export function readMessage(frame: Frame): Message | Control {
  const { op, t, body } = readFrame(frame, 'labels')
  if (op !== 1) return new Control(`op ${op}`)
  switch (t) {
    case '#labels':
      return labelsIn(body, frame)
    case '#info':
      return new Control(shortText(body.name), shortText(body.message))
    default:
      return new Control(t)
  }
}

function labelsIn({ seq, labels }: Body, frame: Frame): Message {
  if (!Number.isSafeInteger(seq) || (seq as number) < 0)
    throw new FrameError(`\`seq\` is no position: ${String(seq)}`)
  if (!Array.isArray(labels)) throw new FrameError('`labels` is no list', positionOfBody({ seq }))
  const time_us = timeUs((labels[0] as { readonly cts?: unknown } | null | undefined)?.cts)
  const place = { position: seq as number, time_us }
  // Labels with the same fault share one error: a frame has room for a million of them.
  const errors = new Map<string, FrameError>()
  const read = labels.map((label) => {
    const event = readLabel(label, place.position)
    return typeof event === 'string' ? errorOf(event, place, errors) : event
  })
  const [first] = read
  if (first instanceof FrameError && read.every((label) => label instanceof FrameError)) throw first
  return { seq: place.position, time_us, labels: read, frame }
}

function errorOf(
  message: string,
  place: FrameError['place'],
  errors: Map<string, FrameError>,
): FrameError {
  const error = errors.get(message) ?? new FrameError(message, place)
  errors.set(message, error)
  return error
}

const shortText = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 300) : '')
