import type { Log } from '../internal/log.js'
import type { CursorStore } from './cursor-store.js'

/** The names of a stream's position in a store. */
export interface PositionKeys {
  readonly key: string
  /** The key of a stream that has a name now, from when it had none. */
  readonly formerKey?: string | undefined
}

/** Marks a store of this library, which knows that a position it lacks was never saved. */
export const OWN_STORE: unique symbol = Symbol.for('rxjs-atproto.own-store') as never

export interface OwnStore extends CursorStore {
  readonly [OWN_STORE]: {
    /** Of a store that keeps one key: from now on the position of `formerKey` is that of `key`. */
    rename?(key: string, formerKey: string): void
  }
}

/** Loads a position by the name of its stream, or by the name from before it was given one. */
export async function loadPosition(
  store: CursorStore & Partial<OwnStore>,
  { key, formerKey }: PositionKeys,
  log: Log,
): Promise<string | undefined> {
  const own = store[OWN_STORE]
  if (formerKey !== undefined) own?.rename?.(key, formerKey)
  const text = await store.load(key)
  if (text !== undefined) return text
  if (formerKey !== undefined) return own?.rename ? undefined : store.load(formerKey)
  if (own === undefined) log.warn(nothingUnder(key))
  return undefined
}

const nothingUnder = (key: string): string =>
  `the store has no position for the stream ${shortKey(key)}, which starts at \`cursor\`: if it ` +
  'is not new, its hosts, wire or filter have changed, and with them its key; a name ' +
  '(`checkpoint: { store, name }`) keeps the place over a change of the filter'

/** Keys contain filters, and a filter may have ten thousand DIDs. */
export const shortKey = (key: string): string =>
  JSON.stringify(key.length > 200 ? `${key.slice(0, 200)}…` : key)
