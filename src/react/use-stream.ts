import { useMemo, useState, useSyncExternalStore } from 'react'
import { defer, type Observable, type Subscription } from 'rxjs'

/** What {@link useStream} has of its stream. */
export interface StreamSnapshot<T> {
  /** `'pending'` until the first value comes. */
  readonly status: 'pending' | 'live' | 'complete' | 'error'
  /** The last value, which stays after the end. */
  readonly value: T | undefined
  /** What ended the stream, where `status` is `'error'`: throw it for an error boundary. */
  readonly error: unknown
}

/**
 * Subscribes a component to a stream, over React's `useSyncExternalStore`. `stream` is called when
 * the component is mounted, and again when one of `deps` changes; the component is rendered for
 * each value, so put {@link perFrame} into a fast stream.
 *
 * **Unsubscription**: when the component is unmounted, and before `stream` is called again. Under
 * `StrictMode`, which mounts twice, the first subscription goes on. A render that React gives up,
 * such as one that suspends, subscribes nothing. Neither does a server: it renders `'pending'`, as
 * the browser does to hydrate it. **Errors**: of `stream` and of the stream, in `error`.
 *
 * @example
 * ```ts
 * const { value: posts = [], error } = useStream(
 *   () => jetstream$(config).pipe(perFrame(), keepRecent({ key: uriOf })),
 *   [],
 * )
 * ```
 */
export function useStream<T>(
  stream: () => Observable<T>,
  deps: readonly unknown[],
): StreamSnapshot<T> {
  const [left] = useState(() => new Set<StreamStore<T>>())
  // biome-ignore lint/correctness/useExhaustiveDependencies: the caller says what it depends on.
  const store = useMemo(() => new StreamStore(stream, left), deps)
  return useSyncExternalStore(store.subscribe, store.read, readOnServer)
}

const PENDING: StreamSnapshot<never> = Object.freeze({
  status: 'pending',
  value: undefined,
  error: undefined,
})

const readOnServer = (): StreamSnapshot<never> => PENDING

class StreamStore<T> {
  #snapshot: StreamSnapshot<T> = PENDING
  #subscription: Subscription | undefined
  readonly #listeners = new Set<() => void>()

  constructor(
    private readonly stream: () => Observable<T>,
    /** The stores of one component that it has left, and that may still be subscribed. */
    private readonly left: Set<StreamStore<T>>,
  ) {}

  readonly read = (): StreamSnapshot<T> => this.#snapshot

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    for (const store of this.left) store.#stopIfUnused()
    this.#subscription ??= this.#start()
    return () => {
      this.#listeners.delete(listener)
      this.left.add(this)
      // StrictMode subscribes again in the same call.
      queueMicrotask(() => this.#stopIfUnused())
    }
  }

  #start(): Subscription {
    return defer(this.stream).subscribe({
      next: (value) => this.#set({ status: 'live', value, error: undefined }),
      error: (error: unknown) => this.#set({ ...this.#snapshot, status: 'error', error }),
      complete: () => this.#set({ ...this.#snapshot, status: 'complete' }),
    })
  }

  #stopIfUnused(): void {
    this.left.delete(this)
    if (this.#listeners.size > 0) return
    this.#subscription?.unsubscribe()
    this.#subscription = undefined
  }

  #set(snapshot: StreamSnapshot<T>): void {
    this.#snapshot = Object.freeze(snapshot)
    for (const listener of this.#listeners) listener()
  }
}
