import type { CursorStore } from './cursor-store.js'
import { OWN_STORE, type OwnStore } from './load-position.js'

/** A {@link CursorStore} whose positions can be inspected. */
export interface MemoryCursorStore extends CursorStore {
  /** The saved positions by key. */
  readonly positions: ReadonlyMap<string, string>
}

/**
 * Keeps positions for as long as the program runs: for tests, and for streams that resubscribe but
 * need not survive a restart.
 *
 * @param initial pairs of key and position to start with, such as the `positions` of another memory
 * store. They are copied.
 * @example
 * ```ts
 * const store = memoryCursorStore()
 * jetstream$({ checkpoint: store }).subscribe()
 * ```
 */
export function memoryCursorStore(
  initial: Iterable<readonly [key: string, position: string]> = [],
): MemoryCursorStore {
  const positions = new Map(initial)
  const store: MemoryCursorStore & OwnStore = {
    [OWN_STORE]: {},
    positions,
    load: async (key) => positions.get(key),
    save: async (key, position) => {
      positions.set(key, position)
    },
  }
  return store
}
