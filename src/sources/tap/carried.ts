import type { TapEvent } from './events.js'
import { recordOf, type Work } from './work.js'

/**
 * Creates that began on an earlier connection and have not come again on this one. They are looked
 * up by the events that can undo them: another event of the same record, or an identity event of
 * the account.
 */
export class Carried {
  /** By DID, then by record. */
  readonly #works = new Map<string, Map<string, Work>>()

  /** Returns the works that become stale: of two creates of one record, either may be newer. */
  add(work: Work): readonly Work[] {
    const records = this.#works.get(work.did) ?? new Map<string, Work>()
    const other = records.get(work.record)
    if (other === work) return []
    if (other !== undefined) return [work, other]
    records.set(work.record, work)
    this.#works.set(work.did, records)
    return []
  }

  remove(work: Work): void {
    const records = this.#works.get(work.did)
    if (records?.get(work.record) !== work) return
    records.delete(work.record)
    if (records.size === 0) this.#works.delete(work.did)
  }

  /** The works that handling this event may undo. */
  undoneBy(event: TapEvent): readonly Work[] {
    const records = this.#works.get(event.did)
    if (records === undefined) return []
    if (event.type === 'identity') return [...records.values()]
    const work = records.get(recordOf(event))
    return work === undefined ? [] : [work]
  }

  get isEmpty(): boolean {
    return this.#works.size === 0
  }
}
