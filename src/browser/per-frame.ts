import {
  animationFrames,
  catchError,
  type OperatorFunction,
  type Subscriber,
  type Subscription,
  take,
  timer,
} from 'rxjs'
import { BatchDelivery, currentDelivery, enter, type Holding, leave } from '../delivery/delivery.js'
import { QueueOverflowError } from '../errors.js'
import { observe, operate } from '../internal/observe.js'
import { Ring } from '../internal/ring.js'
import {
  checkQueueOptions,
  type Overflow,
  overflowWord,
  type QueueBounds,
  queueShape,
} from '../operators/queue-options.js'
import { Sources } from '../operators/sources.js'
import { defaultsTo } from '../options/pieces.js'

/** How many values of {@link perFrame} may wait for the next frame. */
export interface PerFrameOptions<T> {
  /**
   * How many values may wait for the next frame.
   * @default 1024
   */
  readonly capacity?: number | undefined
  /**
   * What happens at `capacity`. `'drop-oldest'`, `'drop-newest'`: a value is dropped, counted in
   * `metrics$`, and reported as a gap. `'pause'`: the source is paused until the next frame; in a
   * page that closes the connection, and the cursor continues it. `'error'`: the stream ends with
   * `QueueOverflowError`.
   * @default 'drop-oldest'
   */
  readonly overflow?: Overflow | undefined
  /**
   * Under `'pause'`, for a source that cannot pause: above this number of waiting values the oldest
   * is dropped. Not below `capacity`.
   * @default Infinity
   */
  readonly maxLag?: number | undefined
  /** Receives each value that is dropped. */
  readonly onDrop?: ((value: T) => void) | undefined
}

const { capacity, maxLag, onDrop } = queueShape
const shape = { capacity, overflow: defaultsTo(overflowWord, 'drop-oldest'), maxLag, onDrop }

type Bounds<T> = Pick<QueueBounds<T>, keyof PerFrameOptions<T>>

/**
 * Emits the values since the last animation frame as one array: a list is rendered once a frame,
 * however fast the events come. Like `bufferTime(0, animationFrameScheduler)`, but bounded, without
 * empty arrays, and without a frame asked for while nothing comes.
 *
 * **Order**: that of the source. **Loss**: the oldest values above `capacity`, counted and
 * reported; none under `overflow: 'pause'`. A browser draws no frames of a hidden page, so use
 * {@link pauseWhenHidden} above. **Deliveries** stay open until their array has been emitted, and
 * while an operator below holds it. **Completion**: emits the rest at once, when the source
 * completes. **Errors**: those of the source at once; what waits counts as failed.
 * {@link ConfigError} at the call. **Unsubscription**: what waits counts as failed.
 *
 * Where there are no animation frames (a server, a shared worker), it emits every 16 ms.
 *
 * ```
 * frames    ---x---x---x
 * source    -a-b-c-----d|
 * result    ---x---y----(z|)    (x: [a, b], y: [c], z: [d])
 * ```
 *
 * @example
 * ```ts
 * jetstream$(config)
 *   .pipe(pauseWhenHidden(), perFrame(), keepRecent({ key: uriOf, limit: 50 }))
 *   .subscribe((recent) => console.log(recent.length))
 * ```
 */
export function perFrame<T>(options: PerFrameOptions<T> = {}): OperatorFunction<T, readonly T[]> {
  const bounds: Bounds<T> = checkQueueOptions('perFrame', shape, options)
  return operate((source, destination) => {
    const frames = new Frames(bounds, destination)
    destination.add(() => frames.abandon())
    observe(
      source,
      destination,
      (value) => frames.take(value),
      () => frames.sourceCompleted(),
    )
  })
}

const WITHOUT_FRAMES_MS = 16
// Nothing else throws in a call of `requestAnimationFrame`.
const frame$ = animationFrames().pipe(
  take(1),
  catchError(() => timer(WITHOUT_FRAMES_MS)),
)

interface Waiting<T> {
  readonly value: T
  readonly holding: Holding | undefined
}

class Frames<T> {
  readonly #waiting = new Ring<Waiting<T>>()
  readonly #sources = new Sources()
  #frame: Subscription | undefined
  #emitting = false
  #completing = false
  #abandoned = false

  constructor(
    private readonly bounds: Bounds<T>,
    private readonly destination: Subscriber<readonly T[]>,
  ) {}

  take(value: T): void {
    const holding = currentDelivery()
    if (holding !== undefined) {
      holding.hold()
      this.#sources.note(holding)
    }
    const item = { value, holding }
    // The source was resumed at the end, and may emit more.
    if (this.#abandoned) holding?.release('failed')
    else if (this.#waiting.size < this.bounds.capacity) this.#push(item)
    else this.#overflow(item)
  }

  sourceCompleted(): void {
    this.#completing = true
    // Within an emission, whose deliveries are still open, its end completes.
    if (!this.#emitting) this.#finish()
  }

  abandon(): void {
    this.#abandoned = true
    for (const { holding } of this.#takeAll()) holding?.release('failed')
    this.#sources.resume()
  }

  #push(item: Waiting<T>): void {
    this.#waiting.push(item)
    item.holding?.queued(1)
    this.#frame ??= this.#nextFrame()
    const { overflow, capacity } = this.bounds
    if (overflow === 'pause' && this.#waiting.size >= capacity) this.#sources.pause()
  }

  #overflow(item: Waiting<T>): void {
    const { overflow, capacity, maxLag } = this.bounds
    switch (overflow) {
      case 'pause':
        this.#push(item)
        if (this.#waiting.size > maxLag) this.#dropOldest()
        break
      case 'drop-oldest':
        this.#push(item)
        this.#dropOldest()
        break
      case 'drop-newest':
        this.#drop(item)
        break
      case 'error':
        item.holding?.release('failed')
        this.destination.error(
          new QueueOverflowError(`${capacity} values wait already (\`capacity\`)`),
        )
    }
  }

  #dropOldest(): void {
    const item = this.#waiting.shift()
    if (item === undefined) return
    item.holding?.queued(-1)
    this.#drop(item)
  }

  #drop({ value, holding }: Waiting<T>): void {
    holding?.release('dropped')
    this.bounds.onDrop?.(value)
  }

  #nextFrame(): Subscription {
    const { destination } = this
    const frame = frame$.subscribe(() => this.#emit())
    destination.add(frame)
    frame.add(() => destination.remove(frame))
    return frame
  }

  #emit(): void {
    this.#frame?.unsubscribe()
    this.#frame = undefined
    const items = this.#takeAll()
    const holding = new BatchDelivery(items.flatMap((item) => item.holding ?? []))
    const outer = enter(holding)
    this.#emitting = true
    try {
      this.destination.next(items.map(({ value }) => value))
    } finally {
      leave(outer)
      holding.release('done')
      this.#emitting = false
    }
    this.#sources.resume()
    if (this.#completing) this.#finish()
  }

  #finish(): void {
    if (this.#waiting.size > 0) this.#emit()
    else this.#sources.complete(this.destination)
  }

  #takeAll(): readonly Waiting<T>[] {
    const items: Waiting<T>[] = []
    for (let item = this.#waiting.shift(); item !== undefined; item = this.#waiting.shift()) {
      item.holding?.queued(-1)
      items.push(item)
    }
    return items
  }
}
