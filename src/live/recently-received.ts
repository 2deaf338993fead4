import { Fingerprint } from '../internal/fingerprint.js'

/** How events are recognised on another host. */
export interface Recognising<Event> {
  /** A number that is equal for two copies of one event, on any host and wire. */
  readonly fingerprintOf: (event: Event, hash: Fingerprint) => number
  /** Its repository, whose events are in order. */
  readonly repositoryOf: (event: Event) => string
}

// Half a minute of a thousand events a second: a quarter of a megabyte.
const MOST = 1 << 15
// The times of one event differ between hosts.
const SKEW_US = 60_000_000

/**
 * What was received last, in bounded memory. Another host is asked by time, some seconds before the
 * last event: what it sends again is recognised here.
 *
 * It may send an older event too, which was never received. From then on the copies of that
 * repository's events are delivered again: else the old event would stand behind newer ones.
 */
export class RecentlyReceived<Event> {
  readonly #ring = new Float64Array(MOST)
  readonly #hash = new Fingerprint()
  #recognising: Recognising<Event> | undefined
  #received = 0
  #host: string | undefined
  #newestUs = 0
  // What the host before had sent, while its copies may come from this one.
  #overlap: ReadonlySet<number> | undefined
  #overlapEndsUs = 0
  #overlapEnds = 0
  // Repositories of which such an older event came.
  readonly #goesBack = new Set<string>()

  /** A connection begins. */
  dial(recognising: Recognising<Event> | undefined): void {
    this.#recognising = recognising
  }

  isNew(event: Event, host: string, time_us: number): boolean {
    if (this.#recognising === undefined) return true
    if (host !== this.#host) this.#changeHost(host)
    const { fingerprintOf, repositoryOf } = this.#recognising
    const fingerprint = fingerprintOf(event, this.#hash)
    const overlap = this.#overlapAt(time_us)
    if (overlap !== undefined) {
      const repository = repositoryOf(event)
      if (!overlap.has(fingerprint)) this.#goesBack.add(repository)
      else if (!this.#goesBack.has(repository)) return false
    }
    this.#ring[this.#received % MOST] = fingerprint
    this.#received += 1
    if (time_us > this.#newestUs) this.#newestUs = time_us
    return true
  }

  #changeHost(host: string): void {
    if (this.#host !== undefined) {
      this.#overlap = new Set(this.#ring.subarray(0, Math.min(this.#received, MOST)))
      this.#overlapEndsUs = this.#newestUs + SKEW_US
      this.#overlapEnds = this.#received + MOST
    }
    this.#goesBack.clear()
    this.#host = host
  }

  /** What copies may still come of. */
  #overlapAt(time_us: number): ReadonlySet<number> | undefined {
    if (time_us > this.#overlapEndsUs || this.#received > this.#overlapEnds) {
      this.#overlap = undefined
      this.#goesBack.clear()
    }
    return this.#overlap
  }
}
