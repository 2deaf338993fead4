import { type BehaviorSubject, Observable, Subject, type Subscriber, Subscription } from 'rxjs'
import type { CheckpointOptions } from '../../delivery/checkpoint-options.js'
import type { StreamMetrics } from '../../delivery/metrics.js'
import { collecting, type WatchedStream } from '../../delivery/subscription-watch.js'
import type { JetstreamEvent } from '../../events.js'
import { observe } from '../../internal/observe.js'
import type { Start } from '../../live/cursor-request.js'
import { type JetstreamFilters, matchesNobody } from './filters.js'
import { SharedCheckpoint } from './shared-checkpoint.js'
import { isSameFilter, splitDids } from './split-dids.js'
import { SummedMetrics } from './summed-metrics.js'
import { isTooLong } from './wire.js'

/** What one connection reads. */
export interface Reading {
  readonly filters: JetstreamFilters
  /** The filters that replace it. */
  readonly filters$: Observable<JetstreamFilters>
  readonly start: Start
  readonly checkpoint: CheckpointOptions | undefined
  readonly metrics$: BehaviorSubject<StreamMetrics> | undefined
  /** The filter of the whole stream, which is stored beside its position. */
  readonly whole: () => JetstreamFilters
}

/** What the connections of one subscription share. */
export interface ConnectionsOptions extends Omit<Reading, 'whole'> {
  /** The URL of the first host. */
  readonly host: string
  /** How many DIDs a connection takes. */
  readonly mostDids: number
  /** Reads over one connection. */
  read(reading: Reading): Observable<JetstreamEvent>
}

interface Connected {
  filters: JetstreamFilters
  readonly filters$: Subject<JetstreamFilters>
  /** Whether others read what it read. */
  isOver: boolean
  readonly reading: Subscription
  last: JetstreamEvent | undefined
}

/** Where a connection starts. `late`: it is not among those that read the stored position. */
interface Beginning {
  readonly when: 'first' | 'late'
  readonly start: Start
}

/**
 * Reads over as many connections as the DIDs of the filter need, as one stream with one checkpoint.
 * A repository has one connection, which keeps its order.
 */
export const overConnections = (options: ConnectionsOptions): Observable<JetstreamEvent> =>
  new Observable((subscriber) => new Connections(options, subscriber).start())

class Connections {
  #connections: readonly Connected[] = []
  readonly #checkpoint: SharedCheckpoint | undefined
  readonly #metrics: SummedMetrics
  #filters: JetstreamFilters
  #mostDids: number
  #last: JetstreamEvent | undefined
  #isStarted = false

  constructor(
    private readonly options: ConnectionsOptions,
    private readonly subscriber: Subscriber<JetstreamEvent>,
  ) {
    this.#filters = options.filters
    this.#mostDids = options.mostDids
    this.#checkpoint = options.checkpoint && new SharedCheckpoint(options.checkpoint, options.host)
    this.#metrics = new SummedMetrics(options.metrics$)
  }

  start(): void {
    // The filters first: one that comes at once is that of the first dial.
    observe(
      this.options.filters$,
      this.subscriber,
      (filters) => this.#change(filters),
      () => {},
    )
    this.#isStarted = true
    this.#split({ when: 'first', start: this.options.start })
  }

  #change(filters: JetstreamFilters): void {
    this.#filters = filters
    if (this.#isStarted) this.#split(this.#after(this.#last))
  }

  /** What comes after an event, or the beginning of the stream where there was none. */
  #after(last: JetstreamEvent | undefined): Beginning {
    return { when: 'late', start: last?.time_us ?? this.options.start }
  }

  #split(beginning: Beginning): void {
    const connections = this.#connections
    const lists = connections.map(({ filters }) => filters.dids)
    for (const [index, filters] of splitDids(this.#filters, this.#mostDids, lists).entries()) {
      const connected = connections[index]
      if (connected === undefined) this.#connect(filters, beginning)
      else if (this.#isLeftBehind(connected, filters)) {
        this.#end(connected)
        this.#connect(filters, beginning)
      } else if (!isSameFilter(connected.filters, filters)) {
        connected.filters = filters
        connected.filters$.next(filters)
      }
    }
  }

  /**
   * An idle connection would go on where it was. A repository that it receives now may have been
   * read beyond that by another one.
   */
  #isLeftBehind({ filters: { dids } }: Connected, next: JetstreamFilters): boolean {
    const hasOthers = this.#connections.length > 1 && this.#last !== undefined
    return hasOthers && dids?.length === 0 && next.dids?.length !== 0
  }

  #end(connected: Connected): void {
    connected.isOver = true
    this.#connections = this.#connections.filter((one) => one !== connected)
    connected.reading.unsubscribe()
  }

  #connect(filters: JetstreamFilters, beginning: Beginning): void {
    if (this.subscriber.closed) return
    const filters$ = new Subject<JetstreamFilters>()
    const reading = new Subscription()
    const connected: Connected = { filters, filters$, isOver: false, reading, last: undefined }
    this.#connections = [...this.#connections, connected]
    const isIdle = () => connected.isOver || matchesNobody(connected.filters)
    const metrics$ = this.#metrics.join(isIdle)
    // Not by its metrics, which are as old as a second.
    const streams: WatchedStream[] = []
    const isDone = () => streams.every((stream) => stream.isDone)
    const checkpoint = this.#checkpoint?.join(beginning.when, () => isIdle() && isDone())
    const whole = () => this.#filters
    const { start } = beginning
    const event$ = this.options.read({ filters, filters$, start, checkpoint, metrics$, whole })
    const next = (event: JetstreamEvent): void => {
      connected.last = event
      this.#last = event
      this.subscriber.next(event)
    }
    const failed = (error: unknown) => this.#failed(connected, beginning, error)
    const subscribe = () => observe(event$, this.subscriber, next, () => {}, failed)
    reading.add(collecting(streams, subscribe))
  }

  /** A proxy refused the URL of wire v2: two connections with half of the DIDs take its place. */
  #failed(connected: Connected, beginning: Beginning, error: unknown): void {
    const { filters, last } = connected
    const dids = [...new Set(filters.dids)]
    const isExternal = this.options.checkpoint?.external === true
    if (!isTooLong(error) || dids.length < 2 || isExternal) {
      this.subscriber.error(error)
      return
    }
    this.#end(connected)
    const half = Math.ceil(dids.length / 2)
    this.#mostDids = Math.min(this.#mostDids, half)
    for (const part of [dids.slice(0, half), dids.slice(half)])
      this.#connect({ ...filters, dids: part }, last ? this.#after(last) : beginning)
  }
}
