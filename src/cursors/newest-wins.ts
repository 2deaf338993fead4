/** Writes one value at a time, with at most one waiting. */
export interface NewestWins<T> {
  /** Settles with the write of this value or a newer one. */
  push(value: T): Promise<void>
  /** Resolves when nothing runs or waits. Never rejects: `push` reports failures. */
  idle(): Promise<void>
}

/**
 * Serialises `write`; a newer value replaces the waiting one, so a slow disk does not accumulate
 * writes.
 */
export function newestWins<T>(write: (value: T) => Promise<void>): NewestWins<T> {
  let last = Promise.resolve()
  let waiting: { value: T; readonly done: Promise<void> } | undefined

  async function writeWaiting(): Promise<void> {
    const entry = waiting
    waiting = undefined
    if (entry !== undefined) await write(entry.value)
  }

  return {
    push(value) {
      if (waiting !== undefined) {
        waiting.value = value
        return waiting.done
      }
      last = last.then(writeWaiting, writeWaiting)
      waiting = { value, done: last }
      return last
    },
    async idle() {
      let seen: Promise<void> | undefined
      while (seen !== last) {
        seen = last
        await seen.catch(() => {})
      }
    },
  }
}
