import {
  asyncScheduler,
  type BehaviorSubject,
  connect,
  defer,
  EMPTY,
  from,
  ignoreElements,
  interval,
  merge,
  Observable,
  type ObservableInput,
  type Observer,
  retry,
  Subject,
  type Subscriber,
  type Subscription,
  switchMap,
  take,
  tap,
  timer,
} from 'rxjs'
import { dial as dialSocket } from '#socket'
import { StreamCounts } from '../delivery/counts.js'
import type { DeliverySource, Outcome } from '../delivery/delivery.js'
import { type Gap, Gaps } from '../delivery/gaps.js'
import { type Delivery, Ledger } from '../delivery/ledger.js'
import type { StreamMetrics } from '../delivery/metrics.js'
import { type RejectedFrame, reject } from '../delivery/rejects.js'
import { MetricsReport } from '../delivery/report.js'
import type { StreamPosition } from '../delivery/snapshot.js'
import {
  ConnectError,
  FrameError,
  FrameTooLargeError,
  RefusedError,
  ServerError,
  StreamError,
} from '../errors.js'
import type { Log } from '../internal/log.js'
import { observe } from '../internal/observe.js'
import { LargeFrame } from '../socket/large-frame.js'
import type { Connection, Dial, Received } from '../socket/socket.js'
import { TextBytes } from '../socket/text-bytes.js'
import { Attempts, type ReconnectOptions } from './attempts.js'
import { Control } from './control.js'
import { silence$ } from './liveness.js'
import { Pressure } from './pressure.js'
import type { Progress, ProgressContext } from './progress.js'
import type { Protocol, Request } from './protocol.js'
import { ProbeEnded, Redial } from './redial.js'

/** What every live source knows of its config, defaults filled in. */
export interface LiveOptions {
  readonly hosts: readonly [string, ...string[]]
  readonly reconnect: ReconnectOptions
  readonly connectTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly pauseCloseMs: number
  readonly maxFrameBytes: number
  readonly headers: Readonly<Record<string, string>>
  readonly metrics$: BehaviorSubject<StreamMetrics> | undefined
  readonly rejects: Partial<Observer<RejectedFrame>> | undefined
  readonly gaps: Partial<Observer<Gap>> | undefined
  readonly log: Log
}

export interface LiveSource<Event> {
  readonly options: LiveOptions
  /**
   * How to speak to `host`: asked before every dial, so that an answer may depend on what the last
   * dial met.
   */
  readonly protocol: (host: string) => ObservableInput<Protocol<Event>>
  /** Made anew for each subscription: two subscriptions share nothing. */
  readonly progress: (gaps: Gaps, context: ProgressContext) => Progress<Event>
  /** Yields when the protocol is to be asked for again, since the filter changed. */
  readonly changes$?: Observable<unknown>
  /** How a socket is opened; specs hand in their own. */
  readonly dial?: Dial
}

const PUBLISH_EVERY_MS = 1000

/**
 * The machine behind every live source: dial, decode, count, deliver, reconnect. Cold; never
 * completes; errors only where going on is pointless.
 */
export const live = <Event>(source: LiveSource<Event>): Observable<Event> =>
  new Observable<Event>((subscriber) => new Stream(source, subscriber).start())

class Stream<Event> implements DeliverySource {
  queued = 0
  unrouted = 0

  // The connection that is open, what is spoken on it, and what ends it from within.
  #connection: Connection | undefined
  #protocol: Protocol<Event> | undefined
  #openedAt: number | undefined
  #interrupt$ = new Subject<never>()
  #leaveOutLargeFrames = false
  #stopped = false
  // Why the last connection was ended by us.
  #hasDialled = false
  #redialled: string | undefined
  #deliveredAtDial = 0

  readonly #options: LiveOptions
  readonly #dial: Dial
  readonly #attempts: Attempts
  readonly #pressure: Pressure
  readonly #gaps: Gaps
  readonly #ledger: Ledger<Event>
  readonly #progress: Progress<Event>
  readonly #counts = new StreamCounts()
  readonly #report: MetricsReport

  constructor(
    private readonly source: LiveSource<Event>,
    private readonly subscriber: Subscriber<Event>,
  ) {
    this.#options = source.options
    this.#dial = source.dial ?? dialSocket
    this.#attempts = new Attempts(source.options.hosts, source.options.reconnect)
    this.#pressure = new Pressure(source.options.pauseCloseMs, {
      paused: () => this.#become('paused'),
      resumed: () => this.#become('open'),
      close: () => this.#interrupt$.error(new Redial('the queues are full')),
    })
    const { gaps, log } = source.options
    this.#gaps = new Gaps(gaps, log)
    this.#ledger = new Ledger<Event>(this, this)
    this.#progress = source.progress(this.#gaps, {
      log,
      frontier: () => this.#ledger.frontier,
      changed: () => this.#report.publish(),
    })
    const numbers = { counts: this.#counts, ledger: this.#ledger, gaps: this.#gaps }
    this.#report = new MetricsReport(
      source.options.metrics$,
      numbers,
      () => this.#standing,
      this.#attempts.host,
    )
  }

  start(): Subscription {
    const connections$ = defer(() => this.#connect()).pipe(
      retry({ delay: (error) => this.#wait(error) }),
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
    const clock$ = quietly(interval(PUBLISH_EVERY_MS).pipe(tap(() => this.#report.publish())))
    const changes$ = quietly(this.source.changes$?.pipe(switchMap(() => this.#change())) ?? EMPTY)
    // The changes first: what they emit at once is the filter of the first dial.
    const subscription = merge(changes$, work$, clock$).subscribe({
      error: (error) => this.#fail(error),
    })
    subscription.add(() => this.#stop())
    return subscription
  }

  // --- One connection: dial, receive, deliver ---

  #connect(): Observable<never> {
    const { host } = this.#attempts
    this.#interrupt$ = new Subject<never>()
    this.#hasDialled = true
    this.#become('connecting')
    const dialled$ = from(this.source.protocol(host)).pipe(
      take(1),
      switchMap((protocol) => this.#dialAs(protocol)),
    )
    return merge(this.#interrupt$, dialled$)
  }

  #dialAs(protocol: Protocol<Event>): Observable<never> {
    const { connectTimeoutMs, maxFrameBytes, headers } = this.#options
    const request: Request = {
      cursor: this.#progress.cursorFor(protocol),
      leaveOutLargeFrames: this.#leaveOutLargeFrames,
      unfiltered: this.#progress.asksForFloor ?? false,
    }
    this.#protocol = protocol
    this.#deliveredAtDial = this.#ledger.delivered
    const dialled$ = this.#dial({
      url: protocol.url(request),
      connectTimeoutMs,
      maxFrameBytes,
      headers,
      subprotocol: protocol.subprotocol,
      textAsBytes: protocol.decodeBytes !== undefined,
      binaryInPlace: protocol.keepsNoFrame,
      skipsLargeFrames: this.#skipsLargeFrames(protocol),
    })
    return dialled$.pipe(
      switchMap((connection) => this.#opened(connection, protocol.hello?.(request))),
    )
  }

  /**
   * A server that was asked to leave large frames out, and sends one, would send it again to every
   * connection.
   */
  #skipsLargeFrames({
    largeFrames = this.#leaveOutLargeFrames ? 'skip' : undefined,
  }: Protocol<Event>): boolean {
    return largeFrames === 'skip' || largeFrames === 'reject'
  }

  #opened(connection: Connection, hello: string | undefined): Observable<never> {
    this.#connection = connection
    this.#openedAt = asyncScheduler.now()
    if (hello !== undefined) connection.send(hello)
    this.#progress.opened(connection)
    this.#become('open')
    // One subscriber between the socket and us: at some hundred thousand frames a second each one
    // more shows.
    const frames$ = new Observable<never>((session) => {
      observe(
        connection.frames$,
        session,
        (frame) => this.#receive(frame),
        () => {},
      )
    })
    const silence = silence$(connection, this.#options.idleTimeoutMs, () => this.#pressure.high)
    const pressed$ = defer(() => {
      this.#pressure.opened(connection)
      return EMPTY
    })
    return merge(frames$, silence, pressed$)
  }

  #receive(frame: Received): void {
    const protocol = this.#protocol as Protocol<Event>
    this.#counts.frames += 1
    const event = this.#decode(protocol, frame)
    if (event === undefined) return
    const position = protocol.cursorOf(event)
    const time_us = protocol.timeOf(event)
    if (!this.#isNew(event, protocol.host, position, time_us)) return
    if (protocol.wants(event)) this.#deliver(event, protocol.host, position, time_us)
    else this.#counts.filtered += 1
    if (this.#leaveOutLargeFrames) this.#askForLargeFramesAgain()
  }

  #deliver(event: Event, host: string, position: number, time_us: number): void {
    this.#counts.eventAt(this.#connection?.heardAt ?? asyncScheduler.now(), time_us)
    this.#ledger.deliver(event, host, position, time_us, this.subscriber, this.#progress.index)
  }

  #decode(protocol: Protocol<Event>, frame: Received): Event | undefined {
    const read = this.#read(protocol, frame)
    if (read instanceof Control) {
      this.#counts.control += 1
      this.#progress.onControl(read, protocol.host)
      return undefined
    }
    if (read !== undefined) this.#counts.events += 1
    return read
  }

  #read(protocol: Protocol<Event>, frame: Received): Event | Control | undefined {
    try {
      if (frame instanceof TextBytes) return protocol.decodeBytes?.(frame)
      if (frame instanceof LargeFrame) throw this.#tooLarge(protocol, frame)
      return protocol.decode(frame)
    } catch (error) {
      if (!(error instanceof FrameError)) {
        this.#counts.control += 1
        throw error
      }
      this.#counts.rejected += 1
      // Before the position moves, and told after it has: it may be that of another log.
      const gap =
        frame instanceof LargeFrame ? this.#gapOf(protocol, error.place?.position) : undefined
      if (error.place !== undefined)
        this.#progress.onReject(protocol.host, error.place.position, error.place.time_us)
      if (gap !== undefined) this.#gaps.report(gap)
      const kept = frame instanceof TextBytes ? frame.toFrame() : frame
      reject(this.#options.rejects, protocol.host, kept, error)
      return undefined
    }
  }

  /** What is wrong with a message of which we have the beginning alone. */
  #tooLarge({ placeOfLarge }: Protocol<Event>, { head, length }: LargeFrame): FrameError {
    const message = `the frame of ${length} bytes is larger than \`maxFrameBytes\` (${this.#options.maxFrameBytes})`
    return new FrameError(message, placeOfLarge?.(head))
  }

  /**
   * The gap of such a message: at its position, or, where that cannot be read, somewhere after the
   * last one.
   */
  #gapOf({ host, largeFrames }: Protocol<Event>, position: number | undefined): Gap | undefined {
    const { last } = this.#progress
    const isRepeat = position !== undefined && last?.host === host && position <= last.position
    const from = position ?? last?.position
    if (largeFrames === 'reject' || isRepeat || from === undefined) return undefined
    return { host, from, to: position, reason: 'frame-too-large', recoverable: true, count: 1 }
  }

  #isNew(event: Event, host: string, position: number, time_us: number): boolean {
    try {
      if (this.#progress.onEvent(event, host, position, time_us)) return true
    } catch (error) {
      this.#counts.duplicates += 1
      throw error
    }
    this.#counts.duplicates += 1
    return false
  }

  #askForLargeFramesAgain(): void {
    this.#leaveOutLargeFrames = false
    throw new Redial('the large frame is passed')
  }

  /** The filter has changed: tell the server, or dial again where the wire has no word for that. */
  #change(): Observable<unknown> {
    // The first dial is still to come, and carries it.
    if (!this.#hasDialled) return EMPTY
    return from(this.source.protocol(this.#attempts.host)).pipe(
      take(1),
      tap((protocol) => {
        const update = protocol.update?.()
        if (
          update !== undefined &&
          this.#connection !== undefined &&
          protocol.host === this.#protocol?.host
        ) {
          this.#protocol = protocol
          this.#progress.filterChanged('in place')
          this.#connection.send(update)
          return
        }
        this.#progress.filterChanged('dial')
        // A dial under way carries the old filter.
        this.#interrupt$.error(new Redial('the filter has changed'))
      }),
    )
  }

  // --- Between two connections ---

  /** What must happen before the next dial; throws what ends the stream. */
  #wait(thrown: unknown): Observable<unknown> {
    const openMs = this.#openedAt === undefined ? undefined : asyncScheduler.now() - this.#openedAt
    if (this.#hasProgressed) this.#attempts.progressed()
    this.#disconnected()
    const error = this.#meaningOf(thrown)
    if (!error.retryable) throw error
    if (error instanceof FrameTooLargeError) this.#metLargeFrame(error)
    this.#report.backoffMs = this.#attempts.afterEnd(error, openMs)
    // Our own redials are no failures: nobody waits, unless they lead nowhere.
    const isOurs = error instanceof Redial && this.#report.backoffMs === 0
    this.#redialled = isOurs && !(error instanceof ProbeEnded) ? error.message : undefined
    if (!isOurs) this.#report.waiting(this.#attempts.host, this.#attempts.count, error)
    return timer(this.#report.backoffMs).pipe(
      switchMap(() => this.#whenWanted()),
      tap(() => {
        if (!(error instanceof ProbeEnded)) this.#counts.reconnects += 1
      }),
    )
  }

  /** Yields when no queue is full. */
  #whenWanted(): Observable<unknown> {
    this.#report.backoffMs = 0
    if (this.#pressure.high && this.#report.state !== 'paused') this.#become('paused')
    return this.#pressure.low()
  }

  /** Events that came before are no progress, however often a server sends them. */
  get #hasProgressed(): boolean {
    return (
      this.#ledger.delivered > this.#deliveredAtDial && (this.#progress.hasAdvanced?.() ?? true)
    )
  }

  /**
   * What an error means on this wire: a refusal may be about the position, or already be dealt
   * with.
   */
  #meaningOf(error: unknown): StreamError {
    if (!(error instanceof StreamError)) throw error
    if (
      !(
        error instanceof RefusedError ||
        error instanceof ConnectError ||
        error instanceof ServerError
      )
    )
      return error
    const meaning = this.#protocol?.refused?.(error)
    if (meaning === 'cursor' || meaning === 'future') {
      this.#progress.refused(
        this.#endpoint,
        error.message,
        meaning === 'cursor' ? 'cursor-too-old' : 'renumbered',
      )
      return new Redial(error.message)
    }
    return meaning ?? error
  }

  /** Throws where that ends the stream. */
  #metLargeFrame(error: FrameTooLargeError): void {
    if (this.#protocol?.largeFrames === 'fail') {
      const position = this.#progress.last?.position
      const place = position === undefined ? '' : `, after position ${position}`
      throw new FrameTooLargeError(
        `${error.message}${place}; raise it, or set \`onLargeFrame: 'skip'\``,
        {
          cause: error,
          retryable: false,
        },
      )
    }
    if (this.#protocol?.leavesOutLargeFrames) this.#leaveLargeFrameOut()
  }

  #leaveLargeFrameOut(): void {
    this.#leaveOutLargeFrames = true
    const from = this.#progress.last?.position
    // Without a count: until we ask for large frames again, the server leaves out every one.
    if (from !== undefined)
      this.#gaps.report({
        host: this.#endpoint,
        from,
        to: undefined,
        reason: 'frame-too-large',
        recoverable: true,
      })
  }

  #disconnected(): void {
    this.#leave()
    this.#progress.disconnected()
  }

  #leave(): void {
    this.#counts.bytes += this.#connection?.bytes ?? 0
    this.#connection = undefined
    this.#openedAt = undefined
    this.#pressure.disconnected()
  }

  // --- What operators ask of the source ---

  get closed(): boolean {
    return this.#stopped && this.#ledger.open === 0
  }

  pause(): void {
    if (!this.#stopped) this.#pressure.pause()
  }

  resume(): void {
    if (!this.#stopped) this.#pressure.resume()
  }

  flush(): PromiseLike<void> | undefined {
    return this.#progress.flush()
  }

  // --- The end ---

  settled(delivery: Delivery<Event>, outcome: Outcome): void {
    if (outcome === 'dropped') this.#gaps.drop(delivery, this.#progress.last !== undefined)
    this.#progress.settled(delivery, outcome)
    // The clock has stopped with the stream. Drops are still told together.
    if (!this.#stopped) return
    if (this.#ledger.open === 0) this.#report.publish()
    else this.#report.tell()
  }

  #fail(error: unknown): void {
    this.#report.failed(this.#attempts.host, error)
    this.subscriber.error(error)
  }

  /**
   * The progress is told of its end and not of a lost connection: the event that ended the
   * subscription is yet to be acked.
   */
  #stop(): void {
    this.#leave()
    this.#stopped = true
    this.#progress.stop()
    this.#report.ended(this.#attempts.host)
  }

  /** The host as positions and gaps name it. */
  get #endpoint(): string {
    return this.#protocol?.host ?? this.#attempts.host
  }

  #become(state: 'connecting' | 'open' | 'paused'): void {
    const redialled = this.#redialled
    this.#report.become({
      state,
      host: this.#attempts.host,
      ...(redialled !== undefined && { redialled }),
    })
  }

  get #standing(): StreamPosition {
    return {
      wire: this.#protocol?.wire,
      compression: this.#protocol?.compression,
      bytes: this.#connection?.bytes,
      cursor: this.#progress.last?.position,
      checkpoint: this.#progress.checkpoint,
      checkpointErrors: this.#progress.checkpointErrors,
    }
  }
}

const quietly = (source: Observable<unknown>): Observable<never> => source.pipe(ignoreElements())
