import { type Injector, NgZone, type ResourceRef, type Signal, signal } from '@angular/core'
import { rxResource } from '@angular/core/rxjs-interop'
import { type BehaviorSubject, defer, finalize, type Observable } from 'rxjs'
import { type StreamMetrics, streamMetrics } from '../index.js'
import { CAN_DIAL, outside } from './connections.js'
import { injectorOf } from './live-list.js'

/** What the stream of {@link streamResource} is made of. */
export interface StreamRequest<P> {
  readonly params: P
  /** For the source, such as `jetstream$({ metrics$ })`: what it publishes is `metrics()`. */
  readonly metrics$: BehaviorSubject<StreamMetrics>
}

/** How {@link streamResource} makes its stream. */
export interface StreamResourceOptions<T, P> {
  /** The stream begins again when a signal changes that this reads. `undefined`: none is read. */
  readonly params: () => P | undefined
  /** Makes the stream. Called outside of the zone. */
  readonly stream: (request: StreamRequest<P>) => Observable<T>
  /**
   * For a call outside of an injection context.
   * @default that of the call
   */
  readonly injector?: Injector | undefined
}

/** An `rxResource` with the numbers of its stream. */
export interface StreamResource<T> extends ResourceRef<T> {
  readonly metrics: Signal<StreamMetrics>
  /** Whether there is a value, also for the types: `value()` is none of `undefined` then. */
  hasValue(this: T extends undefined ? this : never): this is StreamResource<Exclude<T, undefined>>
  hasValue(): boolean
}

/**
 * Makes a resource of any stream of this library, with its metrics. Like Angular's `rxResource`,
 * but the stream runs outside of the zone, and on a server the resource is idle.
 *
 * The view is checked for each value: put {@link perFrame} into a fast stream.
 *
 * **Unsubscription**: when the component is destroyed. **Errors**: those of the stream, in
 * `error()`.
 *
 * @example
 * ```ts
 * import { input } from '@angular/core'
 * import { streamResource } from 'rxjs-atproto/angular'
 *
 * class Labels {
 *   readonly labeler = input.required<string>()
 *   readonly labels = streamResource({
 *     params: () => this.labeler(),
 *     stream: ({ params: host, metrics$ }) =>
 *       labels$({ host, metrics$ }).pipe(perFrame(), keepRecent()),
 *   })
 * }
 * ```
 */
export function streamResource<T, P>(
  options: StreamResourceOptions<T, P>,
): StreamResource<T | undefined> {
  const { params, stream, injector = injectorOf(streamResource) } = options
  const zone = injector.get(NgZone)
  const canDial = injector.get(CAN_DIAL)
  const metrics = signal(streamMetrics().value)
  const measured = (params: P): Observable<T> =>
    defer(() => {
      const metrics$ = streamMetrics()
      const published = metrics$.subscribe((now) => metrics.set(now))
      return stream({ params, metrics$ }).pipe(finalize(() => published.unsubscribe()))
    })
  const resource = rxResource({
    injector,
    params: () => (canDial ? params() : undefined),
    stream: ({ params }) => outside(zone, measured(params as P)),
  })
  // What `hasValue()` says of itself includes the metrics.
  return Object.assign(resource, { metrics: metrics.asReadonly() }) as StreamResource<T | undefined>
}
