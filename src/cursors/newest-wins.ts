/** Writes of which one runs at a time and at most one waits. */
export interface NewestWins<T> {
  /** Settles with the write that carried this value or a newer one. */
  push(value: T): Promise<void>
  /** Resolves when nothing runs or waits. Never rejects: a failure belongs to those who pushed. */
  idle(): Promise<void>
}

/**
 * Serialises `write`, and lets the newest value take the place of the one that waits, so that a
 * slow disk is asked for little.
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
