import { type Observer, of } from 'rxjs'

/**
 * Calls an observer of the program. An error that it throws is reported as RxJS reports it for any
 * observer: in a separate task, to `config.onUnhandledError` or as an uncaught error. The stream
 * continues.
 */
export function tell<T>(observer: Partial<Observer<T>> | undefined, value: T): void {
  if (observer?.next === undefined) return
  of(value).subscribe({ next: (one) => observer.next?.(one) })
}
