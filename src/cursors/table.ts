import { ConfigError, CursorStoreError } from '../errors.js'
import { shortKey } from './load-position.js'

/** The table of a store in a database, as its statements name it. Throws `ConfigError`. */
export function tableName(callee: string, table: string): string {
  // With a schema, perhaps. Quoted, since a name of capitals or a reserved word is one too.
  const parts = String(table).split('.')
  if (parts.length <= 2 && parts.every((part) => /^[A-Za-z_]\w{0,62}$/.test(part)))
    return parts.map((part) => `"${part}"`).join('.')
  throw new ConfigError(callee, [
    {
      option: 'table',
      message: `must be a name of letters, digits and _, not ${JSON.stringify(table)}`,
    },
  ])
}

/** Which streams a store keeps the position of: {@link only} is the one that a program writes. */
export class StreamKeys {
  // From when a stream had no name: see `OwnStore`.
  readonly #former = new Map<string, string>()
  readonly #loaded = new Set<string>()

  rename(key: string, formerKey: string): void {
    this.#former.set(key, formerKey)
  }

  /** The keys under which the position of a stream may be, the first that has one. */
  loading(key: string): readonly string[] {
    this.#loaded.add(key)
    const former = this.#former.get(key)
    return former === undefined ? [key] : [key, former]
  }

  get only(): string {
    const [key, other] = this.#loaded
    if (key !== undefined && other === undefined) return key
    throw new CursorStoreError(
      key === undefined
        ? 'no stream has loaded its position from this store yet, so `write` has no key'
        : `this store has the positions of ${shortKey(key)} and ${shortKey(String(other))}, so ` +
            '`write` has no key; make one store for each stream, on the same table',
    )
  }
}
