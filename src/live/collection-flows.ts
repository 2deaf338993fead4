import { concatMap, EMPTY, interval, type Observable, throwError } from 'rxjs'
import { SilentError } from '../errors.js'

/** How the events of one collection have arrived. Times are ticks. */
interface Flow {
  count: number
  lastTick: number
  longestPause: number
}

const TICK_MS = 1000

// A collection that came less often has no rhythm to judge by.
const LEAST_EVENTS = 100

// How many times its longest pause a collection may be silent.
const PATIENCE = 20

// Anybody can write to any collection.
const MAX_COLLECTIONS = 1000

/**
 * Notices that a host no longer sends a collection while others flow. Only ticks with events
 * count, so an outage, a pause or a busy process is not taken for a blind host.
 */
export class CollectionFlows {
  #tick = 0
  #hasEvents = false
  readonly #flows = new Map<string, Flow>()

  /** `blindTimeoutMs`: how long a collection must be silent at least. */
  constructor(private readonly blindTimeoutMs: number) {}

  onEvent(collection: string | undefined): void {
    this.#hasEvents = true
    if (collection === undefined) return
    const flow = this.#flows.get(collection)
    if (flow === undefined) this.#add(collection)
    else {
      flow.count += 1
      // A pause of less than a tick may lie across its end.
      flow.longestPause = Math.max(flow.longestPause, this.#tick - flow.lastTick)
      flow.lastTick = this.#tick
    }
  }

  /** Other collections may come after the filter has changed. */
  clear(): void {
    this.#flows.clear()
  }

  /** Errors when a collection is missing. */
  watch$(): Observable<never> {
    return interval(TICK_MS).pipe(
      concatMap(() => {
        if (!this.#hasEvents) return EMPTY
        this.#hasEvents = false
        this.#tick += 1
        const missing = this.#takeMissing()
        return missing === undefined ? EMPTY : throwError(() => this.#blind(missing))
      }),
    )
  }

  #add(collection: string): void {
    if (this.#flows.size < MAX_COLLECTIONS)
      this.#flows.set(collection, { count: 1, lastTick: this.#tick, longestPause: 0 })
  }

  /**
   * The collection has to prove itself again on the next host: where it is silent everywhere, no
   * other host is tried for it.
   */
  #takeMissing(): string | undefined {
    for (const [collection, flow] of this.#flows)
      if (this.#isMissing(flow)) {
        this.#flows.delete(collection)
        return collection
      }
    return undefined
  }

  #isMissing({ count, lastTick, longestPause }: Flow): boolean {
    const silentTicks = this.#tick - lastTick
    return (
      count >= LEAST_EVENTS &&
      silentTicks * TICK_MS >= this.blindTimeoutMs &&
      silentTicks >= (longestPause + 1) * PATIENCE
    )
  }

  #blind(collection: string): SilentError {
    return new SilentError(
      `no event of ${collection} arrives any more, while others do (\`blindTimeoutMs\`)`,
      collection,
    )
  }
}
