import type { MonoTypeOperatorFunction, Observable, Subscriber } from 'rxjs'
import { currentDelivery } from '../delivery/delivery.js'
import { observe, operate } from '../internal/observe.js'
import { Sources } from '../operators/sources.js'

/**
 * Holds the source back while `held$` says `true`, as a full queue does: for a button that pauses a
 * list. In a page the connection is closed at once, and goes on at the cursor; in Node the socket
 * is not read, and is closed after `pauseCloseMs`.
 *
 * **Order**, **Loss**: those of the source. Nothing is queued here: what arrives until the source
 * has stopped is emitted, and a source without deliveries, such as `interval`, is not held back.
 * **Start**: while `held$` says `true`, the source is not subscribed. Until `held$` says anything,
 * it means `false`. **Deliveries** pass as they are. **Completion**: that of the source.
 * **Errors**: those of the source and of `held$`. **Unsubscription**: unsubscribes both.
 *
 * ```
 * held$     f---t-----f---
 * source    -a-b        c-d-
 * result    -a-b--------c-d-
 * ```
 *
 * @example
 * ```ts
 * const paused$ = new BehaviorSubject(false)
 * jetstream$(config).pipe(pauseWhile(paused$)).subscribe()
 * paused$.next(true)
 * ```
 */
export function pauseWhile<T>(held$: Observable<boolean>): MonoTypeOperatorFunction<T> {
  return operate((source, destination) => {
    const held = new HeldSource(source, destination)
    const follow = (isHeld: boolean) => (isHeld ? held.hold() : held.letGo())
    observe(held$, destination, follow, () => {})
    held.startUnlessHeld()
  })
}

class HeldSource<T> {
  readonly #sources = new Sources()
  #isHeld = false
  #hasStarted = false

  constructor(
    private readonly source: Observable<T>,
    private readonly destination: Subscriber<T>,
  ) {}

  hold(): void {
    this.#isHeld = true
    this.#sources.pause()
  }

  letGo(): void {
    this.#isHeld = false
    this.startUnlessHeld()
    this.#sources.resume()
  }

  startUnlessHeld(): void {
    if (this.#isHeld || this.#hasStarted) return
    this.#hasStarted = true
    const { destination } = this
    observe(
      this.source,
      destination,
      (value) => this.#take(value),
      () => destination.complete(),
    )
    // After the source's own end: one that is shared goes on without this pause, and one that has
    // ended does not dial again.
    destination.add(() => this.#sources.resume())
  }

  #take(value: T): void {
    const holding = currentDelivery()
    if (holding !== undefined) this.#sources.note(holding)
    this.destination.next(value)
    // Held before its first event: the source is known only now.
    if (this.#isHeld && !this.destination.closed) this.#sources.pause()
  }
}
