import * as z from 'zod/mini'
import type { Protocol } from '../../connection/protocol.js'
import { FrameError } from '../../errors.js'
import { tidTimeUs } from '../../internal/tid.js'
import { type TapEvent, tapEventSchema } from './events.js'

/** Tap's `/channel`: one JSON event a text frame. */
export const tapProtocol = (host: string): Protocol<TapEvent> => ({
  host,
  url: () => host,
  // What is not acked comes again.
  largeFrames: 'reject',
  placeOfLarge: (head) => (typeof head === 'string' ? placeOf(head) : undefined),

  decode(frame) {
    if (typeof frame !== 'string') throw new FrameError('the frame is binary, or text that is not UTF-8')
    const result = z.safeParse(tapEventSchema, parse(frame))
    if (result.success) return result.data
    throw new FrameError(result.error.issues.map(({ path, message }) => `\`${path.join('.')}\`: ${message}`).join('; '), placeOf(frame))
  },

  wants: () => true,
  cursorOf: (event) => event.id,
  // What is backfilled has no time of its own: its rev is that of the whole repository.
  timeOf: (event) => (event.type === 'record' && event.live ? tidTimeUs(event.rev) : 0),
})

function parse(frame: string): unknown {
  try {
    return JSON.parse(frame)
  } catch (error) {
    throw new FrameError(`the frame is no JSON: ${(error as Error).message}`, placeOf(frame), { cause: error })
  }
}

// The id is the first member, so that it can often be read where the rest cannot.
function placeOf(frame: string): FrameError['place'] {
  const id = Number(/^\s*\{\s*"id"\s*:\s*(\d+)\s*[,}]/.exec(frame)?.[1])
  return Number.isSafeInteger(id) ? { position: id, time_us: 0 } : undefined
}
