import { tidTimeUs } from '../../atproto/tid.js'
import { FrameError, RefusedError } from '../../errors.js'
import { type Layout, Unreadable } from '../../internal/bounded-json.js'
import { parseContent } from '../../internal/parse-content.js'
import { RECORD_UNREADABLE } from '../../internal/unreadable-record.js'
import type { Protocol } from '../../live/protocol.js'
import type { TapEvent } from './events.js'
import { eventOf, mistakesIn } from './read-message.js'

// The body of the refusal of a Tap with a webhook.
const WEBHOOK_MODE = /webhook mode/
const WEBHOOK_REMEDY =
  'start that Tap without `TAP_WEBHOOK_URL`, or read what it posts with `tapEventSchema` ' +
  '(websocket not available in webhook mode)'

/** Tap's `/channel`: one JSON event a text frame. */
export const tapProtocol = (host: string): Protocol<TapEvent> => ({
  host,
  url: () => host,
  // Events that are not acked come again.
  largeFrames: 'reject',
  placeOfLarge: (head) => (typeof head === 'string' ? positionOfMessage(head) : undefined),

  decode(frame) {
    if (typeof frame !== 'string')
      throw new FrameError('the frame is binary, or text that is not UTF-8')
    const message = parseContent('the frame', frame, LAYOUT, positionOfMessage)
    const unreadable = takeUnreadable(message)
    const mistakes = mistakesIn(message)
    if (mistakes.length > 0)
      throw new FrameError(
        mistakes.map(({ path, message }) => `\`${path.join('.')}\`: ${message}`).join('; '),
        positionOfMessage(frame),
      )
    const event = eventOf(message as object)
    return unreadable ? ({ ...event, problem: RECORD_UNREADABLE } as TapEvent) : event
  },

  refused(error) {
    if (!(error instanceof RefusedError && error.status === 400 && WEBHOOK_MODE.test(error.body)))
      return undefined
    return new RefusedError(`${host} posts its events to a webhook; ${WEBHOOK_REMEDY}`, error)
  },

  wants: () => true,
  cursorOf: (event) => event.id,
  // A backfilled record has no time of its own: its rev is that of the whole repository.
  timeOf: (event) => (event.type === 'record' && event.live ? tidTimeUs(event.rev) : 0),
})

const LAYOUT: Layout = { wrapper: 'record', replaced: 'record' }

/**
 * Removes a record beyond the bounds from its message, as a server leaves out a record that it
 * cannot decode.
 */
function takeUnreadable(message: unknown): boolean {
  const event = (message as { readonly record?: { record?: unknown } } | null)?.record
  if (!(event?.record instanceof Unreadable)) return false
  delete event.record
  return true
}

// The id is the first member, so that it can often be read where the rest cannot.
function positionOfMessage(frame: string): FrameError['place'] {
  const id = Number(/^\s*\{\s*"id"\s*:\s*(\d+)\s*[,}]/.exec(frame)?.[1])
  return Number.isSafeInteger(id) ? { position: id, time_us: 0 } : undefined
}
