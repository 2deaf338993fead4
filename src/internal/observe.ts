import { Observable, type OperatorFunction, Subscriber, type Subscription } from 'rxjs'

/**
 * Subscribes to `source` on behalf of `destination`. The two are linked before the subscription is
 * made: otherwise a synchronous source would not hear that the destination has had enough, and run
 * to its end. The only place that constructs a `Subscriber`.
 */
export function observe<T>(
  source: Observable<T>,
  destination: Subscriber<unknown>,
  next: (value: T) => void,
  complete: () => void,
  error: (error: unknown) => void = (failure) => destination.error(failure),
): Subscription {
  const inner = new Subscriber<T>({
    next: (value) => {
      try {
        next(value)
      } catch (failure) {
        destination.error(failure)
      }
    },
    error,
    complete,
  })
  destination.add(inner)
  source.subscribe(inner)
  return inner
}

/** An operator whose state is born with each subscription. */
export const operate =
  <T, R>(
    subscribe: (source: Observable<T>, destination: Subscriber<R>) => void,
  ): OperatorFunction<T, R> =>
  (source) =>
    new Observable<R>((destination) => subscribe(source, destination))
