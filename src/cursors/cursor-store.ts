/**
 * Where a checkpoint lives between two runs of a program.
 *
 * `key` names the stream (source, wire, hosts, filter) and `position` is a source's own text: keep
 * both as they are, and never judge which of two positions is the later one.
 *
 * - `load` answers `undefined` only where nothing was ever saved. What cannot be read or trusted is
 *   a rejection with {@link CursorStoreError}, since a silent `undefined` would start from live.
 * - `load` sees every `save` that was called before it, settled or not.
 * - A `save` that has resolved survives a crash of the process. Of saves in flight together the one
 *   called last wins, and a store may leave the others out: each resolves once its own position or
 *   a later one is kept.
 * - A `save` that rejects leaves a whole position behind: the old one, or the new one where only
 *   its durability is in doubt.
 * - One key never answers with the position of another. A store that has room for one key only
 *   rejects the second.
 *
 * `describeCursorStore` of `rxjs-atproto/testing` checks all of this on a store of your own.
 */
export interface CursorStore {
  load(key: string): PromiseLike<string | undefined>
  save(key: string, position: string): PromiseLike<void>
}
