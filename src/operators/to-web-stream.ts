import type { Observable } from 'rxjs'
import { type EventsOptions, eventsOf } from './events-of.js'

/**
 * Makes a source a web stream, with the backpressure of its reader. Reading the next value ends the
 * delivery of the last one. Everything else is as in {@link eventsOf}; `cancel` unsubscribes.
 *
 * @example
 * ```ts
 * const lines = toWebStream(jetstream$(config).pipe(map((event) => JSON.stringify(event))))
 * new Response(lines.pipeThrough(new TextEncoderStream()))
 * ```
 */
export function toWebStream<T>(
  source$: Observable<T>,
  options: EventsOptions<T> = {},
): ReadableStream<T> {
  const events = eventsOf(source$, options)
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const { done, value } = await events.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await events.return?.()
      },
    },
    // Nothing is taken ahead of the reader: what it has not asked for is not done.
    { highWaterMark: 0 },
  )
}
