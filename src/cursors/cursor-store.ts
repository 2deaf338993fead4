/**
 * Where a checkpoint lives between two runs of a program.
 *
 * `key` names the stream (source, wire, hosts, filter) and `position` is a source's own text: keep both as they are.
 * `load` answers `undefined` only where nothing was ever saved; what cannot be read or trusted is a rejection with
 * {@link CursorStoreError}, since a silent `undefined` would start from live. A `save` that has resolved survives a crash of the
 * process; a `save` that rejects left the old position whole. Two saves are never in flight for one stream.
 */
export interface CursorStore {
  load(key: string): PromiseLike<string | undefined>
  save(key: string, position: string): PromiseLike<void>
}
