import { Observable, type OperatorFunction, Subscriber, type Subscription } from 'rxjs'

/**
 * Subscribes to `source` on behalf of `destination`. It links the two before it subscribes.
 * Otherwise a synchronous source would emit all its values after `destination` has unsubscribed, as
 * under `take(2)`. Only this function constructs a `Subscriber`.
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

/** Makes an operator. Its state must be created inside `subscribe`, once for each subscription. */
export const operate =
  <T, R>(
    subscribe: (source: Observable<T>, destination: Subscriber<R>) => void,
  ): OperatorFunction<T, R> =>
  (source) =>
    new Observable<R>((destination) => subscribe(source, destination))
