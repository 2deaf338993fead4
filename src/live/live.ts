import {
  asyncScheduler,
  catchError,
  connect,
  defer,
  EMPTY,
  from,
  ignoreElements,
  merge,
  NEVER,
  Observable,
  type ObservableInput,
  of,
  retry,
  Subject,
  type Subscriber,
  type Subscription,
  switchMap,
  take,
  tap,
  throwError,
  timer,
} from 'rxjs'
import { dial as dialSocket, wake$ } from '#socket'
import type { Outcome } from '../delivery/delivery.js'
import {
  DeliveryStream,
  type StoredPositions,
  type StreamOwner,
} from '../delivery/delivery-stream.js'
import type { Gaps } from '../delivery/gaps.js'
import type { Delivery } from '../delivery/ledger.js'
import type { StreamPosition } from '../delivery/metrics-report.js'
import { reject } from '../delivery/rejects.js'
import {
  ConnectError,
  FrameError,
  FrameTooLargeError,
  RefusedError,
  ServerError,
  StreamError,
} from '../errors.js'
import { observe } from '../internal/observe.js'
import { LargeFrame } from '../socket/large-frame.js'
import {
  type Connection,
  type Dial,
  type DialOptions,
  READ_END,
  type Received,
  type Wait,
} from '../socket/socket.js'
import { TextBytes } from '../socket/text-bytes.js'
import { CollectionFlows } from './collection-flows.js'
import type { LiveOptions } from './config.js'
import { Hosts } from './hosts.js'
import { LargeFrames } from './large-frames.js'
import { type EventFlow, noEvents$, silence$ } from './liveness.js'
import { Pressure } from './pressure.js'
import type { Progress, ProgressContext } from './progress.js'
import {
  Completed,
  Control,
  type Gathering,
  ProbeEnded,
  type Protocol,
  Redial,
  type Request,
} from './protocol.js'

export interface LiveSource<Event> {
  readonly options: LiveOptions
  /**
   * Returns how to speak to `host`. Called before every dial, so that it can depend on how the last
   * dial ended. `undefined`: the filter is empty, so there is no dial until it changes.
   */
  readonly protocol: (host: string) => ObservableInput<Protocol<Event> | undefined>
  /** Called for each subscription: two subscriptions share nothing. */
  readonly progress: (gaps: Gaps, context: ProgressContext) => Progress<Event>
  /** Emits when the filter has changed. {@link protocol} is then called again. */
  readonly changes$?: Observable<unknown>
  /**
   * Whether the filter may match nothing for hours, so that a default of `silentTimeoutMs` does not
   * apply.
   * @default false
   */
  readonly isQuiet?: () => boolean
  /** The collections to watch, where `blindTimeoutMs` asks for that. */
  readonly collections?: {
    readonly blindTimeoutMs: number
    of(event: Event): string | undefined
  }
  /** How a socket is opened; specs hand in their own. */
  readonly dial?: Dial
}

/**
 * The machine behind every live source: dial, decode, count, deliver, reconnect. Cold. Completes
 * only where a protocol says that its stream is complete. Errors only where a retry is pointless.
 */
export const live = <Event>(source: LiveSource<Event>): Observable<Event> =>
  new Observable<Event>((subscriber) => new LiveStream(source, subscriber).start())

const SAVE_EVERY_MS = 1000

class LiveStream<Event> implements StreamOwner<Event>, EventFlow {
  // The open connection, its protocol, and the subject that ends it from within.
  #connection: Connection | undefined
  #protocol: Protocol<Event> | undefined
  #openedAt: number | undefined
  #interrupt$ = new Subject<never>()
  // Whether there was a dial, and how many events were delivered before the last one.
  #hasDialled = false
  #deliveredAtDial = 0
  // Why we ended the last connection ourselves, if we did.
  #redialled: string | undefined
  // The filter wants nothing, so that there is no connection.
  #isFilterEmpty = false
  // Set at the end of the stream, which then waits until all deliveries are settled.
  #allSettled$: Subject<void> | undefined

  readonly #options: LiveOptions
  readonly #dial: Dial
  readonly #hosts: Hosts
  readonly #pressure: Pressure
  readonly #largeFrames: LargeFrames
  readonly #flows: CollectionFlows | undefined
  readonly #stream: DeliveryStream<Event>
  readonly #progress: Progress<Event>

  constructor(
    private readonly source: LiveSource<Event>,
    private readonly subscriber: Subscriber<Event>,
  ) {
    this.#options = source.options
    this.#dial = source.dial ?? dialSocket
    this.#hosts = new Hosts(source.options)
    this.#flows = source.collections && new CollectionFlows(source.collections.blindTimeoutMs)
    this.#pressure = new Pressure(source.options.pauseCloseMs, {
      paused: () => this.#become('paused'),
      resumed: () => this.#become('open'),
      close: () => this.#interrupt$.error(new Redial('the queues are full')),
    })
    this.#stream = new DeliveryStream<Event>(source.options, subscriber, this)
    this.#progress = source.progress(this.#stream.gaps, {
      log: source.options.log,
      frontier: () => this.#stream.ledger.frontier,
      delivered: () => this.#stream.ledger.delivered,
      changed: () => this.#stream.report.publish(),
    })
    this.#largeFrames = new LargeFrames(
      source.options.maxFrameBytes,
      this.#progress,
      this.#stream.gaps,
    )
  }

  start(): Subscription {
    const connections$ = defer(() => this.#connect()).pipe(
      retry({ delay: (error) => this.#wait(error) }),
      catchError((error) =>
        error instanceof Completed ? this.#complete() : throwError(() => error),
      ),
    )
    const work$ = this.#progress.run$.pipe(
      // The first value says that the checkpoint is loaded.
      connect((run$) =>
        merge(
          quietly(run$),
          run$.pipe(
            take(1),
            switchMap(() => connections$),
          ),
        ),
      ),
    )
    const changes$ = quietly(this.source.changes$?.pipe(switchMap(() => this.#change())) ?? EMPTY)
    // The changes first: a filter that they emit at once is that of the first dial.
    const subscription = merge(changes$, work$, this.#stream.clock$).subscribe({
      error: (error) => this.#stream.fail(error),
    })
    subscription.add(() => this.#stream.stop())
    return subscription
  }

  /** Completes when all deliveries are settled, and that is saved. */
  #complete(): Observable<never> {
    this.#allSettled$ = new Subject<void>()
    const settled$: Observable<unknown> =
      this.#stream.ledger.open === 0 ? of(undefined) : this.#allSettled$
    // A save that fails is tried again. The checkpoint itself ends the stream when that takes too
    // long.
    const saved$ = defer(() => from(this.#progress.flush() ?? Promise.resolve())).pipe(
      retry({ delay: () => timer(SAVE_EVERY_MS) }),
    )
    return settled$.pipe(
      take(1),
      switchMap(() => saved$),
      tap(() => this.subscriber.complete()),
      ignoreElements(),
    )
  }

  // --- One connection: dial, receive, deliver ---

  #connect(): Observable<never> {
    const { url: host } = this.#hosts
    this.#interrupt$ = new Subject<never>()
    this.#hasDialled = true
    this.#isFilterEmpty = false
    this.#become('connecting')
    const ready = this.#progress.ready?.()
    const protocol$ = from(ready ?? [undefined]).pipe(switchMap(() => this.source.protocol(host)))
    const dialled$ = protocol$.pipe(
      take(1),
      switchMap((protocol) =>
        protocol === undefined ? this.#awaitFilter() : this.#dialAs(protocol),
      ),
    )
    return merge(this.#interrupt$, dialled$)
  }

  /** Stays without a connection until the filter changes. */
  #awaitFilter(): Observable<never> {
    this.#isFilterEmpty = true
    this.#redialled = undefined
    this.#become('paused')
    return NEVER
  }

  #dialAs(protocol: Protocol<Event>): Observable<never> {
    const request: Request = {
      cursor: this.#progress.cursorFor(protocol),
      leaveOutLargeFrames: this.#largeFrames.areLeftOut,
      unfiltered: this.#progress.asksForFloor ?? false,
    }
    this.#protocol = protocol
    this.#deliveredAtDial = this.#stream.ledger.delivered
    const dial = protocol.dial?.(request) ?? this.#dial
    const options = this.#dialOptions(protocol, request)
    const ready$ = this.#progress.beforeDial?.() ?? of(undefined)
    const dialled$ = ready$.pipe(
      take(1),
      switchMap(() => dial(options)),
    )
    return dialled$.pipe(
      switchMap((connection) => {
        protocol.opened?.()
        return this.#opened(connection, protocol.hello?.(request))
      }),
    )
  }

  #dialOptions(protocol: Protocol<Event>, request: Request): DialOptions {
    const { connectTimeoutMs, maxFrameBytes, headers, agent } = this.#options
    return {
      url: protocol.url(request),
      connectTimeoutMs,
      maxFrameBytes,
      headers,
      agent,
      subprotocol: protocol.subprotocol,
      textAsBytes: protocol.decodeBytes !== undefined,
      binaryInPlace: protocol.keepsNoFrame,
      skipsLargeFrames: this.#largeFrames.areSkipped(protocol),
      tellsReadEnd: protocol.gathering !== undefined,
      waits: this.#waits,
    }
  }

  #opened(connection: Connection, hello: string | undefined): Observable<never> {
    this.#connection = connection
    this.#openedAt = asyncScheduler.now()
    if (hello !== undefined) connection.send(hello)
    this.#progress.opened(connection)
    this.#become('open')
    // One subscriber between the socket and us: at some hundred thousand frames a second, another
    // one would be measurable.
    const frames$ = new Observable<never>((session) => {
      observe(connection.frames$, session, this.#receive, () => {})
    })
    const { idleTimeoutMs, silentTimeoutMs } = this.#options
    const silence = silence$(connection, idleTimeoutMs, () => this.#pressure.high)
    const events$ = merge(noEvents$(this, silentTimeoutMs), this.#flows?.watch$() ?? EMPTY)
    const pressed$ = defer(() => {
      this.#pressure.opened(connection)
      return EMPTY
    })
    return merge(frames$, silence, events$, pressed$)
  }

  get arrivals(): number {
    return this.#stream.counts.events + (this.#connection?.pieces ?? 0)
  }

  get isQuiet(): boolean {
    const { canRest = false } = this.#connection ?? {}
    return canRest || this.#pressure.high || (this.source.isQuiet?.() ?? false)
  }

  /** Called when the open connection waits, and without an argument when it goes on. */
  readonly #waits = (wait: Wait | undefined): void => {
    const { report } = this.#stream
    report.backoffMs = wait?.ms ?? 0
    if (wait !== undefined) report.waiting(this.#hosts.url, wait.attempt, wait.reason)
    else if (report.state === 'waiting') this.#become(this.#pressure.high ? 'paused' : 'open')
  }

  // Bound, so that the socket's call needs no function around it.
  readonly #receive = (frame: Received | typeof READ_END): void => {
    const protocol = this.#protocol as Protocol<Event>
    if (protocol.gathering !== undefined && this.#gather(protocol, protocol.gathering, frame))
      return
    if (frame === READ_END) return
    this.#stream.counts.frames += 1
    const event = this.#decode(protocol, frame)
    if (event === undefined) return
    if (this.#flows !== undefined) this.#flows.onEvent(this.source.collections?.of(event))
    const { host } = protocol
    const position = protocol.cursorOf(event)
    const time_us = protocol.timeOf(event)
    if (!this.#isNew(event, host, position, time_us)) return
    const { index } = this.#progress
    if (protocol.wants(event))
      this.#stream.deliver(event, host, position, time_us, index, this.#connection?.heardAt)
    else this.#stream.counts.filtered += 1
    if (this.#largeFrames.areLeftOut) this.#largeFrames.askAgain()
  }

  /** Returns false for a frame that is still to be read, alone: see {@link Gathering}. */
  #gather(
    protocol: Protocol<Event>,
    gathering: Gathering<Event>,
    frame: Received | typeof READ_END,
  ): boolean {
    const isAlone = this.#largeFrames.areLeftOut || (this.#progress.judgesEach ?? true)
    if (frame !== READ_END && !isAlone && gathering.add(frame)) {
      this.#stream.counts.frames += 1
      return true
    }
    this.#emitGathered(protocol, gathering)
    return frame === READ_END
  }

  #emitGathered({ host }: Protocol<Event>, gathering: Gathering<Event>): void {
    const gathered = gathering.take()
    if (gathered === undefined) return
    const { event, size, filtered, first, last, end } = gathered
    this.#stream.counts.events += size + filtered
    this.#stream.counts.filtered += filtered
    this.#progress.onEvent(end, host, last.position, last.time_us)
    if (event === undefined) return
    const range = { host, size, first, last }
    this.#stream.deliverRange(event, range, this.#connection?.heardAt)
  }

  #decode(protocol: Protocol<Event>, frame: Received): Event | undefined {
    const read = this.#read(protocol, frame)
    if (read instanceof Control) {
      this.#stream.counts.control += 1
      protocol.control?.(read)
      this.#progress.onControl(read, protocol.host)
      return undefined
    }
    if (read !== undefined) this.#stream.counts.events += 1
    return read
  }

  #read(protocol: Protocol<Event>, frame: Received): Event | Control | undefined {
    try {
      if (frame instanceof TextBytes) return protocol.decodeBytes?.(frame)
      if (frame instanceof LargeFrame) throw this.#largeFrames.errorOf(protocol, frame)
      return protocol.decode(frame)
    } catch (error) {
      if (error instanceof FrameError) return this.#reject(protocol, frame, error)
      this.#stream.counts.control += 1
      throw error
    }
  }

  #reject(protocol: Protocol<Event>, frame: Received, error: FrameError): undefined {
    const { place } = error
    this.#stream.counts.rejected += 1
    // Made before the position moves, and reported after: the frame may be of another log.
    const gap =
      frame instanceof LargeFrame ? this.#largeFrames.gapOf(protocol, place?.position) : undefined
    if (place !== undefined) this.#progress.onReject(protocol.host, place.position, place.time_us)
    if (gap !== undefined) this.#stream.gaps.report(gap)
    const kept = frame instanceof TextBytes ? frame.toFrame() : frame
    reject(this.#options.rejects, protocol.host, kept, error)
    return undefined
  }

  #isNew(event: Event, host: string, position: number, time_us: number): boolean {
    try {
      if (this.#progress.onEvent(event, host, position, time_us)) return true
    } catch (error) {
      this.#stream.counts.duplicates += 1
      throw error
    }
    this.#stream.counts.duplicates += 1
    return false
  }

  /** The filter has changed: updates the server, or dials again if the wire has no update. */
  #change(): Observable<unknown> {
    // The first dial is still to come, and asks with the new filter.
    if (!this.#hasDialled) return EMPTY
    this.#flows?.clear()
    return from(this.source.protocol(this.#hosts.url)).pipe(
      take(1),
      tap((protocol) => {
        this.#progress.filterChanged()
        if (!this.#update(protocol)) this.#redialForFilter()
      }),
    )
  }

  /** Sends the filter over the open connection. Returns false if that is not possible. */
  #update(protocol: Protocol<Event> | undefined): boolean {
    const update = protocol?.update?.()
    if (update === undefined || this.#connection === undefined) return false
    if (protocol?.host !== this.#protocol?.host) return false
    this.#protocol = protocol
    this.#connection.send(update)
    return true
  }

  #redialForFilter(): void {
    // A dial under way asks with the old filter. After an empty filter, this is the first dial.
    const Reason = this.#isFilterEmpty ? ProbeEnded : Redial
    this.#interrupt$.error(new Reason('the filter has changed'))
  }

  // --- Between two connections ---

  /** What must happen before the next dial; throws what ends the stream. */
  #wait(thrown: unknown): Observable<unknown> {
    const openMs = this.#openedAt === undefined ? undefined : asyncScheduler.now() - this.#openedAt
    const newEvents = this.#newEvents
    this.#disconnected()
    const error = this.#meaningOf(thrown)
    if (error instanceof FrameTooLargeError) this.#largeFrames.onTooLarge(error, this.#protocol)
    this.#stream.report.backoffMs = this.#hosts.afterEnd(error, openMs, newEvents)
    // Our own redials are no failures: there is no wait, unless several in a row bring nothing.
    const isOurs = error instanceof Redial && this.#stream.report.backoffMs === 0
    this.#redialled = isOurs && !(error instanceof ProbeEnded) ? error.message : undefined
    if (!isOurs) this.#stream.report.waiting(this.#hosts.url, this.#hosts.attempt, error)
    return merge(timer(this.#stream.report.backoffMs), wake$).pipe(
      take(1),
      switchMap(() => this.#whenNotFull()),
      tap(() => {
        if (!(error instanceof ProbeEnded)) this.#stream.counts.reconnects += 1
      }),
    )
  }

  /** Emits when no queue is full. */
  #whenNotFull(): Observable<unknown> {
    this.#stream.report.backoffMs = 0
    if (this.#pressure.high && this.#stream.report.state !== 'paused') this.#become('paused')
    return this.#pressure.low()
  }

  /** Events that were received before are no progress, however often a server sends them. */
  get #newEvents(): number {
    const delivered = this.#stream.ledger.delivered - this.#deliveredAtDial
    return delivered > 0 && (this.#progress.hasAdvanced?.() ?? true) ? delivered : 0
  }

  /**
   * The error as this wire means it: a refusal may be about the position, or may already be
   * handled.
   */
  #meaningOf(error: unknown): StreamError {
    if (!(error instanceof StreamError)) throw error
    if (!isRefusal(error)) return error
    const meaning = this.#protocol?.refused?.(error)
    if (meaning !== 'cursor' && meaning !== 'future') return meaning ?? error
    const reason = meaning === 'cursor' ? 'cursor-too-old' : 'renumbered'
    this.#progress.refused(this.#endpoint, error.message, reason)
    return new Redial(error.message)
  }

  #disconnected(): void {
    this.#leave()
    this.#progress.disconnected()
  }

  #leave(): void {
    this.#stream.counts.bytes += this.#connection?.bytes ?? 0
    this.#connection = undefined
    this.#openedAt = undefined
    this.#pressure.disconnected()
  }

  // --- What its deliveries ask ---

  get host(): string {
    return this.#hosts.url
  }

  get position(): StreamPosition {
    return {
      wire: this.#protocol?.wire,
      compression: this.#protocol?.compression,
      bytes: this.#connection?.bytes,
      cursor: this.#progress.last?.position,
      checkpoint: this.#progress.checkpoint,
      checkpointErrors: this.#progress.checkpointErrors,
      archive: this.#protocol?.archive?.(),
    }
  }

  get canResend(): boolean {
    return this.#progress.last !== undefined
  }

  paused(): void {
    this.#pressure.pause()
  }

  resumed(): void {
    this.#pressure.resume()
  }

  settled(delivery: Delivery<Event>, outcome: Outcome): void {
    this.#progress.settled(delivery, outcome)
    if (this.#allSettled$ !== undefined && this.#stream.ledger.open === 0) this.#allSettled$.next()
  }

  flush(): PromiseLike<void> | undefined {
    return this.#progress.flush()
  }

  get positions(): StoredPositions | undefined {
    return this.#progress.positions
  }

  /**
   * Calls `progress.stop()`, not `disconnected()`: the event that ended the subscription still has
   * to be acked.
   */
  stopped(): void {
    this.#leave()
    this.#progress.stop()
  }

  // --- Words for the metrics and gaps ---

  /** The host as positions and gaps name it. */
  get #endpoint(): string {
    return this.#protocol?.host ?? this.#hosts.url
  }

  #become(state: 'connecting' | 'open' | 'paused'): void {
    const redialled = this.#redialled
    this.#stream.report.become({
      state,
      host: this.#hosts.url,
      ...(redialled !== undefined && { redialled }),
    })
  }
}

const isRefusal = (error: StreamError): error is RefusedError | ConnectError | ServerError =>
  error instanceof RefusedError || error instanceof ConnectError || error instanceof ServerError

const quietly = (source: Observable<unknown>): Observable<never> => source.pipe(ignoreElements())
