/** Since when something is not where it should be: from the start, until it is told to be there. */
export class Outage {
  #since: number | undefined = performance.now()

  /** How long it has been away, in milliseconds; 0 while it is there. */
  get forMs(): number {
    return this.#since === undefined ? 0 : performance.now() - this.#since
  }

  tell(isAway: boolean): void {
    this.#since = isAway ? (this.#since ?? performance.now()) : undefined
  }
}
