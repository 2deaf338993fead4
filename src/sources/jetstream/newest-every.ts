import { EMPTY, type MonoTypeOperatorFunction, throttle, timer } from 'rxjs'

/**
 * Emits the first value at once, and the newest at the end of each window that it opens. `windowMs`
 * of 0: no window.
 */
export const newestEvery = <T>(windowMs: () => number): MonoTypeOperatorFunction<T> =>
  throttle(() => (windowMs() > 0 ? timer(windowMs()) : EMPTY), { leading: true, trailing: true })
