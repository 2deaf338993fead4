import {
  filter,
  firstValueFrom,
  identity,
  ReplaySubject,
  switchMap,
  take,
  takeUntil,
  timer,
} from 'rxjs'
import {
  type CompressionStatus,
  type JetstreamConfig,
  type JetstreamEvent,
  jetstream$,
  ReconnectExhaustedError,
  streamMetrics,
} from '../index.js'
import { nameOfEvent } from './table.js'

/** How a handshake ended. */
export interface Opening {
  /** From DNS to the answer, in milliseconds. */
  readonly ms: number
  /** Why the connection was not opened. */
  readonly error: Error | undefined
}

/** The first event of a connection. */
export interface FirstEvent {
  readonly event: JetstreamEvent
  /** After the handshake, in milliseconds. */
  readonly afterMs: number
  /** How old it was, by our clock, in milliseconds. */
  readonly ageMs: number
}

/** Bounds of a {@link Probe}, in milliseconds. */
export interface ProbeLimits {
  readonly handshakeMs: number
  /** From the handshake on. */
  readonly listenMs: number
  /** `'first event'`: the connection is closed when one has come. */
  readonly until: 'first event' | 'the end'
}

/** One connection to a Jetstream, to see how it does. Dials once; its promises never reject. */
export class Probe {
  readonly opening: Promise<Opening>
  /** `undefined` if none came. */
  readonly first: Promise<FirstEvent | undefined>
  /** When it listens no more. */
  readonly over: Promise<unknown>
  /** How many events came. */
  events = 0
  /** How old the events were, by our clock, in milliseconds; the first ones. */
  readonly agesMs: number[] = []
  /** How many events of each collection, or of each other kind, came. */
  readonly byName = new Map<string, number>()
  /** Why an open connection ended early. */
  error: Error | undefined

  readonly #metrics$ = streamMetrics()
  readonly #opening$ = new ReplaySubject<Opening>(1)
  readonly #first$ = new ReplaySubject<FirstEvent | undefined>(1)
  readonly #over$ = new ReplaySubject<undefined>(1)
  readonly #startedAt = performance.now()
  #openMs: number | undefined

  /** Throws `ConfigError`. */
  constructor(config: JetstreamConfig, { handshakeMs, listenMs, until }: ProbeLimits) {
    const events$ = jetstream$({
      ...config,
      metrics$: this.#metrics$,
      connectTimeoutMs: handshakeMs,
      reconnect: { maxAttempts: 0 },
      log: false,
    })
    this.opening = firstValueFrom(this.#opening$)
    this.first = firstValueFrom(this.#first$)
    this.over = firstValueFrom(this.#over$)
    this.#metrics$
      .pipe(
        filter(({ connection }) => connection.state === 'open'),
        take(1),
      )
      .subscribe(() => this.#opened())
    events$
      .pipe(
        until === 'first event' ? take(1) : identity,
        takeUntil(this.#opening$.pipe(switchMap(() => timer(listenMs)))),
      )
      .subscribe({
        next: (event) => this.#received(event),
        error: (error: Error) => this.#ended(error),
        complete: () => this.#ended(undefined),
      })
  }

  /** The URL of the host. */
  get url(): URL {
    return new URL(this.#metrics$.value.connection.host ?? '')
  }

  get compression(): CompressionStatus {
    return this.#metrics$.value.compression
  }

  get #elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  #opened(): void {
    this.#openMs = this.#elapsedMs
    this.#opening$.next({ ms: this.#openMs, error: undefined })
  }

  #received(event: JetstreamEvent): void {
    this.events += 1
    const ageMs = Date.now() - event.time_us / 1000
    if (this.agesMs.length < MOST_AGES) this.agesMs.push(ageMs)
    const name = nameOfEvent(event)
    this.byName.set(name, (this.byName.get(name) ?? 0) + 1)
    if (this.events > 1) return
    this.#first$.next({ event, ageMs, afterMs: this.#elapsedMs - (this.#openMs ?? 0) })
  }

  #ended(error: Error | undefined): void {
    const isExhausted = error instanceof ReconnectExhaustedError && error.cause instanceof Error
    this.error = isExhausted ? (error.cause as Error) : error
    if (this.#openMs === undefined) this.#opening$.next({ ms: this.#elapsedMs, error: this.error })
    this.#first$.next(undefined)
    this.#over$.next(undefined)
  }
}

const MOST_AGES = 100
