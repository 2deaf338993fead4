import { type Observer, of } from 'rxjs'

/**
 * Calls an observer of the user's. What it throws is reported as RxJS reports the error of any
 * observer: in a task of its own, to `config.onUnhandledError` or as an uncaught error. The stream
 * that told it goes on.
 */
export function tell<T>(observer: Partial<Observer<T>> | undefined, value: T): void {
  if (observer?.next === undefined) return
  of(value).subscribe({ next: (one) => observer.next?.(one) })
}
