import { Fingerprint } from '../internal/fingerprint.js'

/** A number that is equal for two copies of one event, on any host and wire. */
export type FingerprintOf<Event> = (event: Event, hash: Fingerprint) => number

// Half a minute of a thousand events a second: a quarter of a megabyte.
const MOST = 1 << 15
// The times of one event differ between hosts.
const SKEW_US = 60_000_000

/**
 * What was received last, in bounded memory. Another host is asked by time, some seconds before the
 * last event: what it sends again is recognised here.
 */
export class RecentlyReceived<Event> {
  readonly #ring = new Float64Array(MOST)
  readonly #hash = new Fingerprint()
  #fingerprintOf: FingerprintOf<Event> | undefined
  #received = 0
  #host: string | undefined
  #newestUs = 0
  // What the host before had sent, while its copies may come from this one.
  #overlap: ReadonlySet<number> | undefined
  #overlapEndsUs = 0
  #overlapEnds = 0

  /** A connection begins. */
  dial(fingerprintOf: FingerprintOf<Event> | undefined): void {
    this.#fingerprintOf = fingerprintOf
  }

  isNew(event: Event, host: string, time_us: number): boolean {
    if (this.#fingerprintOf === undefined) return true
    if (host !== this.#host) this.#changeHost(host)
    const fingerprint = this.#fingerprintOf(event, this.#hash)
    if (this.#overlap !== undefined && this.#isCopy(this.#overlap, fingerprint, time_us))
      return false
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
    this.#host = host
  }

  #isCopy(overlap: ReadonlySet<number>, fingerprint: number, time_us: number): boolean {
    if (time_us > this.#overlapEndsUs || this.#received > this.#overlapEnds) {
      this.#overlap = undefined
      return false
    }
    return overlap.has(fingerprint)
  }
}
