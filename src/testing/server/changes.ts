/** Lets a spec wait for a state instead of sleeping: each `notify()` checks every condition. */
export class Changes {
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = []

  when(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ holds, resolve }))
  }

  notify(): void {
    if (this.#waiting.length === 0) return
    const ready = this.#waiting.filter(({ holds }) => holds())
    this.#waiting = this.#waiting.filter((waiter) => !ready.includes(waiter))
    for (const { resolve } of ready) resolve()
  }
}
