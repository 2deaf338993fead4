import { from, type OperatorFunction, type Subscriber } from 'rxjs'
import { currentDelivery } from '../../delivery/delivery.js'
import { IngestError } from '../../errors.js'
import { messageOf } from '../../internal/message-of.js'
import { observe, operate } from '../../internal/observe.js'
import { isWork } from '../../operators/bounded-work.js'
import { EncodeError, EntryEncoder } from './entry-encoder.js'
import type { SinkCounts } from './metrics.js'
import type { Settings } from './options.js'
import type { OutgoingEvent } from './row.js'

/**
 * Encodes each event as an entry. An event that cannot be encoded becomes a dead letter or is
 * dropped, and the stream goes on: what a stranger wrote must not end it.
 */
export const encodeEach = <Event>(
  settings: Settings<Event>,
  counts: SinkCounts,
): OperatorFunction<Event, OutgoingEvent<Event>> =>
  operate((source, destination) => {
    const encoder = new EntryEncoder(settings)
    const deadLetters = new DeadLetters(settings, counts, destination)
    observe(
      source,
      destination,
      (event) => {
        const outgoing = encoded(event, encoder, deadLetters)
        if (outgoing === undefined) return
        counts.pending += 1
        destination.next(outgoing)
      },
      () => deadLetters.complete(),
    )
  })

function encoded<Event>(
  event: Event,
  encoder: EntryEncoder<Event>,
  deadLetters: DeadLetters<Event>,
): OutgoingEvent<Event> | undefined {
  try {
    return encoder.encode(event)
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error
    deadLetters.add(event, error.cause)
    return undefined
  }
}

class DeadLetters<Event> {
  #open = 0
  #isCompleted = false

  constructor(
    private readonly settings: Settings<Event>,
    private readonly counts: SinkCounts,
    private readonly destination: Subscriber<unknown>,
  ) {}

  add(event: Event, error: unknown): void {
    this.counts.rejected += 1
    const { onDeadLetter } = this.settings
    if (onDeadLetter === undefined) this.#drop(error)
    else this.#pass(event, error, onDeadLetter)
  }

  /** Completes when the program is done with all dead letters. */
  complete(): void {
    this.#isCompleted = true
    if (this.#open === 0) this.destination.complete()
  }

  /** Each drop is in the gaps and the metrics; the log receives only the first. */
  #drop(error: unknown): void {
    if (this.counts.rejected === 1) {
      const what = `an event cannot be written as an entry of \`${this.settings.stream}\``
      const others = 'others are counted in `rejected`'
      this.settings.log.warn(`${what}, and is dropped: ${messageOf(error)}; ${others}`)
    }
    const holding = currentDelivery()
    holding?.hold()
    holding?.release('dropped')
  }

  #pass(
    event: Event,
    error: unknown,
    onDeadLetter: NonNullable<Settings<Event>['onDeadLetter']>,
  ): void {
    const holding = currentDelivery()
    holding?.hold()
    this.#open += 1
    const failed = (cause: unknown) => {
      holding?.release('failed')
      const what = `the dead letter of \`${this.settings.stream}\``
      this.destination.error(
        new IngestError(`${what} failed: ${messageOf(cause)}`, event, { cause }),
      )
    }
    const done = () => {
      holding?.release('done')
      this.#open -= 1
      if (this.#isCompleted) this.complete()
    }
    try {
      const answer: unknown = onDeadLetter(event, error)
      if (isWork(answer))
        from(answer as PromiseLike<unknown>).subscribe({ error: failed, complete: done })
      else done()
    } catch (cause) {
      failed(cause)
    }
  }
}
