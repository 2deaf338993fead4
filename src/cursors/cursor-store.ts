/**
 * Keeps checkpoints between two runs of a program.
 *
 * `key` names the stream (source, wire, hosts, filter) and `position` is the text of the source, or
 * of its `positionFormat`. Keep both unchanged, and never compare two positions.
 *
 * - `load` returns `undefined` only if nothing was ever saved. It rejects with
 *   {@link CursorStoreError} if the position cannot be read or trusted: a silent `undefined` would
 *   start from live.
 * - `load` sees every `save` that was called before it, settled or not.
 * - A `save` that has resolved survives a crash of the process. Of several saves in flight, the
 *   last call wins and a store may skip the others. Each resolves when its own position or a later
 *   one is kept.
 * - A `save` that rejects leaves a complete position: the old one, or the new one if only its
 *   durability is in doubt.
 * - A key never returns the position of another key. A store with room for one key rejects a
 *   second one.
 *
 * `describeCursorStore` of `rxjs-atproto/testing` checks all of this for your own store.
 */
export interface CursorStore {
  load(key: string): PromiseLike<string | undefined>
  save(key: string, position: string): PromiseLike<void>
  /** Called by `run` after the last save, where a store has something to release. Idempotent. */
  close?(): PromiseLike<unknown>
}
