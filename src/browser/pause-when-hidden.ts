import {
  defer,
  distinctUntilChanged,
  EMPTY,
  fromEvent,
  type MonoTypeOperatorFunction,
  map,
  type Observable,
  of,
  startWith,
  switchMap,
  timer,
} from 'rxjs'
import { checkShape } from '../options/check-shape.js'
import { Issues } from '../options/issues.js'
import { defaultsTo, delay } from '../options/pieces.js'
import { pauseWhile } from './pause-while.js'

/** When {@link pauseWhenHidden} pauses. */
export interface PauseWhenHiddenOptions {
  /**
   * How long the page is hidden before the source is held back, in milliseconds: a short look at
   * another tab then costs no new connection.
   * @default 0
   */
  readonly afterMs?: number | undefined
}

const shape = { afterMs: defaultsTo(delay, 0) }

/**
 * Holds the source back while the page is hidden, in a background tab or minimised, and goes on at
 * the cursor when it is shown again. Everything else is as in {@link pauseWhile}: a page that is
 * opened hidden dials nothing until it is shown.
 *
 * What the server no longer holds by then is a gap, as after any pause. Without a `document` (a
 * worker, a server, React Native) nothing is held back.
 *
 * **Errors**: throws {@link ConfigError} at the call.
 *
 * @example
 * ```ts
 * jetstream$(config).pipe(pauseWhenHidden({ afterMs: 10_000 })).subscribe()
 * ```
 */
export function pauseWhenHidden<T>(
  options: PauseWhenHiddenOptions = {},
): MonoTypeOperatorFunction<T> {
  const issues = new Issues()
  const { afterMs } = checkShape(shape, options, issues)
  issues.throwIfAny('pauseWhenHidden')
  return pauseWhile(hiddenFor(afterMs))
}

/** Emits at once, and at each change, whether the page is hidden: with 0 ms in the same call. */
const hiddenFor = (ms: number): Observable<boolean> =>
  defer(() => (globalThis.document === undefined ? EMPTY : isHidden(document))).pipe(
    switchMap((hidden) => (hidden && ms > 0 ? timer(ms).pipe(map(() => true)) : of(hidden))),
  )

const isHidden = (page: Document): Observable<boolean> =>
  fromEvent(page, 'visibilitychange').pipe(
    startWith(undefined),
    map(() => page.visibilityState === 'hidden'),
    distinctUntilChanged(),
  )
