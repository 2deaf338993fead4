import type { Observer } from 'rxjs'
import { shared } from '../internal/shared.js'
import type { StreamMetrics } from './metrics.js'

/** A subscribed source, as {@link SubscriptionWatch} sees it. */
export interface WatchedStream {
  /** The subscription has ended, and none of its deliveries is open. */
  readonly closed: boolean
  /** Whether none of its deliveries is open or has failed. */
  readonly isDone: boolean
  /** Publishes the metrics to one more observer, from the next change on. */
  watch(observer: Pick<Observer<StreamMetrics>, 'next'>): void
  /** Publishes the metrics now: not while the stream is being made. */
  publish(): void
  /** See `DeliverySource.flush`. */
  flush(): PromiseLike<void> | undefined
}

/** A cursor store, as far as it has something to release. */
export interface ClosableStore {
  close?(): PromiseLike<unknown>
}

/** Receives what is made while a pipe is subscribed: its sources, and the stores of checkpoints. */
export interface SubscriptionWatch {
  found(stream: WatchedStream): void
  foundStore(store: ClosableStore): void
}

/**
 * A subscription reaches a source through any number of operators on one call stack, as an event
 * comes back. Shared by all copies of this library, as the deliveries are.
 */
const context = shared<{ watch: SubscriptionWatch | undefined }>('subscription', () => ({
  watch: undefined,
}))

/** Calls `subscribe`; `watch` receives each source that is subscribed meanwhile. */
export function watching<T>(watch: SubscriptionWatch, subscribe: () => T): T {
  const outer = context.watch
  context.watch = watch
  try {
    return subscribe()
  } finally {
    context.watch = outer
  }
}

/** Calls `subscribe`; `streams` gains each source that is subscribed meanwhile. */
export function collecting<T>(streams: WatchedStream[], subscribe: () => T): T {
  const outer = context.watch
  const found = (stream: WatchedStream): void => {
    streams.push(stream)
    outer?.found(stream)
  }
  return watching({ found, foundStore: (store) => outer?.foundStore(store) }, subscribe)
}

export const currentWatch = (): SubscriptionWatch | undefined => context.watch
