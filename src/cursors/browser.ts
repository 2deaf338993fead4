import { CursorStoreError } from '../errors.js'
import { type Logger, logOf } from '../internal/log.js'
import { messageOf } from '../internal/message-of.js'
import { checkShape } from '../options/check-shape.js'
import { log } from '../options/contracts.js'
import { Issues } from '../options/issues.js'
import { name, optional } from '../options/pieces.js'
import type { CursorStore } from './cursor-store.js'

export { inOneTab, type OneTabOptions } from './one-tab.js'

/** Where {@link browserCursorStore} keeps positions. */
export interface BrowserCursorStoreOptions {
  /** Names the program among those of the page's origin, such as `'feed'`. */
  readonly name: string
  /**
   * Receives one line when the position cannot be stored, and is kept in memory instead. `false`:
   * nothing is written.
   * @default console
   */
  readonly log?: false | Logger | undefined
}

const shape = { name, log: optional(log) }

/**
 * Keeps positions in the page's `localStorage`: a reload goes on where the page was left. Several
 * tabs of one origin share it, so let one of them read: {@link inOneTab}.
 *
 * Where nothing can be stored (a private window, a full quota, a worker, blocked site data) the
 * position is kept in memory, and `log` says so once: a reload then starts where the last stored
 * position, or `cursor`, says. Each save tries to store it again.
 *
 * **Errors**: throws {@link ConfigError} at the call. Rejects with `CursorStoreError` if what is
 * stored cannot be read.
 *
 * @example
 * ```ts
 * jetstream$({ checkpoint: browserCursorStore({ name: 'feed' }) })
 *   .pipe(inOneTab({ name: 'feed' }))
 *   .subscribe()
 * ```
 */
export function browserCursorStore(options: BrowserCursorStoreOptions): CursorStore {
  const { name, log } = checkedOptions(options)
  const unstored = new Map<string, string>()
  let hasWarned = false
  const warn = (reason: unknown): void => {
    if (hasWarned) return
    hasWarned = true
    logOf(log).warn(
      `the position of \`${name}\` is kept in memory, and a reload does not find it: ` +
        messageOf(reason),
    )
  }
  const keyOf = (key: string): string => `rxjs-atproto:${name}:${key}`

  return {
    async load(key) {
      const storage = storageOr(warn)
      const kept = unstored.get(key)
      if (kept !== undefined || storage === undefined) return kept
      try {
        return storage.getItem(keyOf(key)) ?? undefined
      } catch (cause) {
        throw new CursorStoreError(`could not read the position of \`${name}\``, { cause })
      }
    },
    async save(key, position) {
      unstored.set(key, position)
      const storage = storageOr(warn)
      if (storage === undefined) return
      try {
        storage.setItem(keyOf(key), position)
        unstored.delete(key)
      } catch (reason) {
        warn(reason)
      }
    },
  }
}

/** `undefined` in a worker; a browser that blocks it throws. */
function storageOr(warn: (reason: unknown) => void): Storage | undefined {
  try {
    const storage: Storage | undefined = globalThis.localStorage
    if (storage === undefined) warn('there is no `localStorage` here')
    return storage
  } catch (reason) {
    warn(reason)
    return undefined
  }
}

/** Throws `ConfigError` with every mistake. */
function checkedOptions(options: BrowserCursorStoreOptions) {
  const issues = new Issues()
  const filled = checkShape(shape, options, issues)
  issues.throwIfAny('browserCursorStore')
  return filled
}
