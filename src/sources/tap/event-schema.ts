import * as z from 'zod/mini'
import type { TapEvent } from './events.js'
import { eventOf, mistakesIn } from './read-message.js'

/**
 * Reads a message of Tap's `/channel` and yields the flat {@link TapEvent}. Statuses and actions
 * are open, and members that a server adds pass as they are. Source: indigo `cmd/tap`, August 2026.
 */
export const tapEventSchema: z.ZodMiniType<TapEvent> = z.transform(
  (message: unknown, payload): TapEvent => {
    const mistakes = mistakesIn(message)
    if (mistakes.length === 0) return eventOf(message as object)
    for (const { path, message: text } of mistakes)
      payload.issues.push({ code: 'custom', path: [...path], message: text, input: message })
    return z.NEVER
  },
)
