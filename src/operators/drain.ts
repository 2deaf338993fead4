import { type OperatorFunction, Subject, timer } from 'rxjs'
import { currentDelivery } from '../delivery/delivery.js'
import { observe, operate } from '../internal/observe.js'
import { Sources } from './sources.js'

/**
 * Cancels `work` that has not completed `drainMs` after its source, then completes when the
 * checkpoint is saved.
 */
export const drain = <T, R>(
  work: OperatorFunction<T, R>,
  drainMs: number,
): OperatorFunction<T, R> =>
  operate((source, destination) => {
    const values$ = new Subject<T>()
    const sources = new Sources()
    const working = observe(
      work(values$),
      destination,
      (value) => destination.next(value),
      () => destination.complete(),
    )
    const cut = () => {
      working.unsubscribe()
      sources.complete(destination)
    }
    observe(
      source,
      destination,
      (value) => {
        const holding = currentDelivery()
        if (holding !== undefined) sources.note(holding)
        values$.next(value)
      },
      () => {
        values$.complete()
        observe(timer(drainMs), destination, cut, () => {})
      },
    )
  })
