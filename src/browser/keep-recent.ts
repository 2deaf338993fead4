import { defer, filter, map, type OperatorFunction } from 'rxjs'
import { operationOf } from '../atproto/event-fields.js'
import { checkShape } from '../options/check-shape.js'
import { Issues } from '../options/issues.js'
import { callback, defaultsTo, finiteCount, optional } from '../options/pieces.js'

/** What {@link keepRecent} keeps. */
export interface KeepRecentOptions<T> {
  /**
   * How many values are kept.
   * @default 50
   */
  readonly limit?: number | undefined
  /**
   * The key of a value, such as {@link uriOf}. A later value of a key takes the place of the
   * earlier one, and the delete of a record removes it.
   * @default none: each value is kept by itself
   */
  readonly key?: ((value: T) => unknown) | undefined
}

const shape = { limit: defaultsTo(finiteCount, 50), key: optional(callback) }

/**
 * Keeps the newest values of the arrays of {@link perFrame}: emits a new list, the newest value
 * first, after each array that changes it.
 *
 * **Loss**: what is beyond `limit` is forgotten. **Deliveries** pass as they are. **Errors**: those
 * of the source and of `key`. {@link ConfigError} at the call.
 *
 * ```
 * source    -x-----y----    (x: [a, b], y: [c])
 * result    -p-----q----    (p: [b, a], q: [c, b] with limit: 2)
 * ```
 *
 * @example
 * ```ts
 * jetstream$(config)
 *   .pipe(perFrame(), keepRecent({ key: uriOf, limit: 50 }))
 *   .subscribe((recent) => console.log(recent.length))
 * ```
 */
export function keepRecent<T>(
  // Otherwise a key for more than `T` would widen it.
  options: KeepRecentOptions<NoInfer<T>> = {},
): OperatorFunction<readonly T[], readonly T[]> {
  const issues = new Issues()
  const { limit, key } = checkShape(shape, options, issues)
  issues.throwIfAny('keepRecent')
  return (source) =>
    defer(() => {
      const recent = new Recent<T>(limit, key)
      return source.pipe(
        // Not `some`: every value is to be added.
        filter((values) => values.filter((value) => recent.add(value)).length > 0),
        map(() => recent.list),
      )
    })
}

class Recent<T> {
  // In the order of their first arrival.
  readonly #values = new Map<unknown, T>()

  constructor(
    private readonly limit: number,
    private readonly key: ((value: T) => unknown) | undefined,
  ) {}

  get list(): readonly T[] {
    return [...this.#values.values()].reverse()
  }

  /** Whether the list has changed. */
  add(value: T): boolean {
    if (this.key === undefined) return this.#put({}, value)
    const key = this.key(value)
    return isRemoval(value) ? this.#values.delete(key) : this.#put(key, value)
  }

  #put(key: unknown, value: T): boolean {
    this.#values.set(key, value)
    if (this.#values.size > this.limit) this.#values.delete(this.#values.keys().next().value)
    return true
  }
}

const isRemoval = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && operationOf(value) === 'delete'
