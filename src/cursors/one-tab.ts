import { type MonoTypeOperatorFunction, Observable, type Subscriber } from 'rxjs'
import { type Logger, logOf } from '../internal/log.js'
import { checkShape } from '../options/check-shape.js'
import { log } from '../options/contracts.js'
import { Issues } from '../options/issues.js'
import { name, optional } from '../options/pieces.js'

/** What {@link inOneTab} is about. */
export interface OneTabOptions {
  /** The tabs of an origin that use one name take turns. */
  readonly name: string
  /**
   * Receives one line where the browser has no Web Locks: on a page without TLS. `false`: nothing
   * is written.
   * @default console
   */
  readonly log?: false | Logger | undefined
}

const shape = { name, log: optional(log) }

/**
 * Subscribes in one tab of the page's origin at a time, the leader; the others wait. When the
 * leader unsubscribes, is closed or crashes, the next one takes over, and with a
 * {@link browserCursorStore} it goes on where the leader was.
 *
 * **Deliveries** pass as they are. **Completion, errors**: those of the source; the next tab then
 * takes its turn. **Unsubscription**: gives up the turn, or the place in the queue. Without Web
 * Locks (a page without TLS) every tab subscribes, and `log` says so.
 *
 * ```
 * tab 1    |--a--b--✕ (closed)
 * tab 2    |          --c--d--
 * ```
 *
 * **Errors**: throws {@link ConfigError} at the call.
 *
 * @example
 * ```ts
 * jetstream$({ checkpoint: browserCursorStore({ name: 'feed' }) })
 *   .pipe(inOneTab({ name: 'feed' }))
 *   .subscribe()
 * ```
 */
export function inOneTab<T>(options: OneTabOptions): MonoTypeOperatorFunction<T> {
  const issues = new Issues()
  const { name, log } = checkShape(shape, options, issues)
  issues.throwIfAny('inOneTab')
  return (source) =>
    new Observable((subscriber) => {
      const locks: LockManager | undefined = globalThis.navigator?.locks
      if (locks !== undefined) return takeTurn(locks, `rxjs-atproto:${name}`, source, subscriber)
      logOf(log).warn(`there are no Web Locks here: each tab of \`${name}\` reads by itself`)
      return source.subscribe(subscriber)
    })
}

function takeTurn<T>(
  locks: LockManager,
  name: string,
  source: Observable<T>,
  subscriber: Subscriber<T>,
): () => void {
  const queue = new AbortController()
  const turn = new Promise<void>((done) => queue.signal.addEventListener('abort', () => done()))
  // The turn is given up a microtask after the unsubscription, which has stored the last position.
  const lead = (): Promise<void> => {
    if (!queue.signal.aborted) source.subscribe(subscriber)
    return turn
  }
  locks
    .request(name, { signal: queue.signal }, lead)
    // Aborted in the queue, or the lock was stolen.
    .catch((error: unknown) => subscriber.error(error))
  return () => queue.abort()
}
