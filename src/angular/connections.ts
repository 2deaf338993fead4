import { InjectionToken, inject, NgZone, PLATFORM_ID, type Signal, signal } from '@angular/core'
import {
  BehaviorSubject,
  defer,
  finalize,
  identity,
  Observable,
  type Subscription,
  share,
} from 'rxjs'
import { pauseWhenHidden, pauseWhile } from '../browser/index.js'
import {
  type JetstreamEvent,
  jetstream$,
  type RecordMap,
  type StreamMetrics,
  streamMetrics,
} from '../index.js'
import { DEFAULTS, type StreamConfig } from './provide-atproto.js'

/** The connections of an application. */
export const CONNECTIONS = new InjectionToken('rxjs-atproto: connections', {
  providedIn: 'root',
  factory: () => new Connections(inject(DEFAULTS), inject(NgZone)),
})

/** Whether this is a browser: nothing dials on a server. */
export const CAN_DIAL = new InjectionToken('rxjs-atproto: can dial', {
  providedIn: 'root',
  factory: () => inject(PLATFORM_ID) !== 'server',
})

/** One connection for all who ask for the same. */
export class Connections {
  readonly #open = new Map<string, Connection<JetstreamEvent>>()
  readonly #ids = new WeakMap<object, number>()
  #lastId = 0

  constructor(
    private readonly defaults: StreamConfig,
    private readonly zone: NgZone,
  ) {}

  /** The connection is opened with its first reader, and closed with its last one. */
  of<Records extends RecordMap>(
    config: StreamConfig<Records>,
  ): Connection<JetstreamEvent<Records>> {
    const whole = { ...this.defaults, ...config } as StreamConfig
    const key = this.#keyOf(whole)
    const found = this.#open.get(key) ?? this.#make(key, whole)
    return found as unknown as Connection<JetstreamEvent<Records>>
  }

  #make(key: string, config: StreamConfig): Connection<JetstreamEvent> {
    const connection = new Connection<JetstreamEvent>(config, this.zone, () =>
      this.#open.delete(key),
    )
    this.#open.set(key, connection)
    return connection
  }

  /** Equal for equal options. A store, a subject or a function is equal to itself alone. */
  #keyOf(config: StreamConfig): string {
    return JSON.stringify(config, (_, value: unknown) => {
      if (typeof value === 'function') return this.#idOf(value)
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
      const isPlain = [Object.prototype, null].includes(Object.getPrototypeOf(value))
      return isPlain
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : this.#idOf(value)
    })
  }

  #idOf(value: object): string {
    const id = this.#ids.get(value) ?? ++this.#lastId
    this.#ids.set(value, id)
    return `#${id}`
  }
}

/** A Jetstream that several readers share. It is held back while all of them pause. */
export class Connection<E> {
  readonly metrics: Signal<StreamMetrics>
  readonly #events$: Observable<E>
  readonly #readers = new Set<BehaviorSubject<boolean>>()
  readonly #isHeld$ = new BehaviorSubject(false)

  constructor(config: StreamConfig, zone: NgZone, closed: () => void) {
    const metrics$ = streamMetrics()
    const metrics = signal(metrics$.value)
    this.metrics = metrics.asReadonly()
    const { whenHidden = 'pause', ...jetstream } = config
    const stream$ = defer(() => {
      const published = metrics$.subscribe((now) => zone.run(() => metrics.set(now)))
      return jetstream$({ ...jetstream, metrics$ }).pipe(finalize(() => published.unsubscribe()))
    })
    const events$ = stream$.pipe(
      pauseWhile(this.#isHeld$),
      whenHidden === 'pause' ? pauseWhenHidden() : identity,
      finalize(closed),
    )
    this.#events$ = outside(zone, events$).pipe(share()) as Observable<E>
  }

  /** Emits outside the zone. */
  read(isPaused$: BehaviorSubject<boolean>): Observable<E> {
    return new Observable((subscriber) => {
      this.#readers.add(isPaused$)
      subscriber.add(() => {
        this.#readers.delete(isPaused$)
        this.#followReaders()
      })
      subscriber.add(isPaused$.subscribe(() => this.#followReaders()))
      subscriber.add(this.#events$.subscribe(subscriber))
    })
  }

  #followReaders(): void {
    // The last one leaves: a paused connection would be dialled once more before it ends.
    if (this.#readers.size === 0) return
    const isHeld = [...this.#readers].every(({ value }) => value)
    if (isHeld !== this.#isHeld$.value) this.#isHeld$.next(isHeld)
  }
}

/** Subscribes outside the zone: no event of a socket is a reason to check a view. */
export const outside = <T>(zone: NgZone, source$: Observable<T>): Observable<T> =>
  new Observable(
    (subscriber): Subscription => zone.runOutsideAngular(() => source$.subscribe(subscriber)),
  )
