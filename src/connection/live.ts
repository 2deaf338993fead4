import {
  asyncScheduler,
  type BehaviorSubject,
  connect,
  defer,
  EMPTY,
  ignoreElements,
  interval,
  merge,
  Observable,
  type Observer,
  of,
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
import { FrameError, FrameTooLargeError, ReconnectExhaustedError, RefusedError, StreamError } from '../errors.js'
import type { Connection, Dial, Frame } from '../socket/socket.js'
import { type BackoffOptions, backoffMs } from './backoff.js'
import type { DeliverySource, Outcome } from './delivery.js'
import { type Gap, Gaps } from './gaps.js'
import { type Delivery, Ledger } from './ledger.js'
import { silence$ } from './liveness.js'
import type { ConnectionStatus, StreamMetrics } from './metrics.js'
import type { Progress, ProgressContext } from './progress.js'
import type { Protocol } from './protocol.js'
import { type RejectedFrame, reject } from './rejects.js'
import { Redial } from './resume.js'

/** When a lost connection is dialled again. */
export interface ReconnectOptions extends BackoffOptions {
  /** How many retries in a row may bring nothing, before the stream ends with `ReconnectExhaustedError`. @default Infinity */
  readonly maxAttempts?: number | undefined
}

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
}

export interface LiveSource<Event> {
  readonly protocol: Protocol<Event>
  readonly options: LiveOptions
  /** Made anew for each subscription: two subscriptions share nothing. */
  readonly progress: (gaps: Gaps, context: ProgressContext) => Progress<Event>
  /** How a socket is opened; specs hand in their own. */
  readonly dial?: Dial
}

const PUBLISH_EVERY_MS = 1000
// An open connection that lived for so long was a healthy one, also when a narrow filter let no event through.
const HEALTHY_AFTER_MS = 60_000

/**
 * The machine behind every live source: dial, decode, count, deliver, reconnect. Cold; never completes; errors only where going on is pointless.
 */
export const live = <Event>(source: LiveSource<Event>): Observable<Event> =>
  new Observable<Event>((subscriber) => new Stream(source, subscriber).start())

class Stream<Event> implements DeliverySource {
  // What metrics tell.
  queued = 0
  unrouted = 0
  #frames = 0
  #control = 0
  #rejected = 0
  #events = 0
  #duplicates = 0
  #filtered = 0
  #reconnects = -1
  #bytes = 0
  #lastEventAt: number | undefined
  #lastTimeUs = 0
  #backoffMs = 0
  #status: ConnectionStatus

  // The connection, and the retries in a row that brought no event.
  #connection: Connection | undefined
  #openedAt: number | undefined
  #attempt = 0
  #hostIndex = 0
  #leaveOutLargeFrames = false
  #stopped = false

  // How many queues want no more for now; what ends the connection when they go on so; what wakes the dial that waits for them.
  #pauses = 0
  #pauseClose: Subscription | undefined
  #interrupt$ = new Subject<never>()
  readonly #resumed$ = new Subject<void>()

  readonly #protocol: Protocol<Event>
  readonly #options: LiveOptions
  readonly #dial: Dial
  readonly #gaps: Gaps
  readonly #ledger: Ledger<Event>
  readonly #progress: Progress<Event>

  constructor(
    source: LiveSource<Event>,
    private readonly subscriber: Subscriber<Event>,
  ) {
    this.#protocol = source.protocol
    this.#options = source.options
    this.#dial = source.dial ?? dialSocket
    this.#status = { state: 'connecting', host: this.#host }
    this.#gaps = new Gaps(source.options.gaps)
    this.#ledger = new Ledger<Event>(this, this)
    this.#progress = source.progress(this.#gaps, { frontier: () => this.#ledger.frontier, changed: () => this.#publish() })
  }

  start(): Subscription {
    const connections$ = defer(() => this.#connect()).pipe(retry({ delay: (error) => this.#wait(error) }))
    const work$ = this.#progress.run$.pipe(
      // The first value says that the checkpoint is loaded.
      connect((run$) =>
        merge(
          run$.pipe(ignoreElements()),
          run$.pipe(
            take(1),
            switchMap(() => connections$),
          ),
        ),
      ),
    )
    const clock$ = interval(PUBLISH_EVERY_MS).pipe(
      tap(() => this.#publish()),
      ignoreElements(),
    )
    const subscription = merge(work$, clock$).subscribe({ error: (error) => this.#fail(error) })
    subscription.add(() => this.#stop())
    return subscription
  }

  get #host(): string {
    return this.#options.hosts[this.#hostIndex] ?? this.#options.hosts[0]
  }

  // --- One connection: dial, receive, deliver ---

  #connect(): Observable<never> {
    const host = this.#host
    this.#reconnects += 1
    this.#become({ state: 'connecting', host })
    const request = { leaveOutLargeFrames: this.#leaveOutLargeFrames }
    const url = this.#protocol.url(host, this.#progress.cursorFor(host), request)
    const { connectTimeoutMs, maxFrameBytes, headers } = this.#options
    return this.#dial({ url, connectTimeoutMs, maxFrameBytes, headers, subprotocol: this.#protocol.subprotocol }).pipe(
      tap((connection) => {
        const hello = this.#protocol.hello?.(request)
        if (hello !== undefined) connection.send(hello)
      }),
      switchMap((connection) => this.#opened(connection, host)),
    )
  }

  #opened(connection: Connection, host: string): Observable<never> {
    this.#connection = connection
    this.#openedAt = asyncScheduler.now()
    this.#interrupt$ = new Subject<never>()
    this.#progress.opened(connection, host)
    this.#become({ state: 'open', host })
    const frames$ = connection.frames$.pipe(
      tap((frame) => this.#receive(frame, host)),
      ignoreElements(),
    )
    const silence = silence$(connection, this.#options.idleTimeoutMs, () => this.#pauses > 0)
    // A queue may have filled while there was no connection.
    const suspension$ = defer(() => (this.#pauses > 0 ? this.#suspend() : EMPTY))
    return merge(this.#interrupt$, frames$, silence, suspension$)
  }

  #receive(frame: Frame, host: string): void {
    this.#frames += 1
    const event = this.#decode(frame, host)
    if (event === undefined) return
    const position = this.#protocol.cursorOf(event)
    const time_us = this.#protocol.timeOf(event)
    if (!this.#isNew(event, host, position, time_us)) return
    if (this.#protocol.wants(event)) this.#deliver(event, host, position, time_us)
    else this.#filtered += 1
    if (this.#leaveOutLargeFrames) this.#askForLargeFramesAgain()
  }

  #deliver(event: Event, host: string, position: number, time_us: number): void {
    this.#lastEventAt = asyncScheduler.now()
    this.#lastTimeUs = time_us
    this.#attempt = 0
    this.#ledger.deliver(event, host, position, time_us, this.subscriber)
  }

  #decode(frame: Frame, host: string): Event | undefined {
    try {
      const event = this.#protocol.decode(frame)
      if (event === undefined) this.#control += 1
      else this.#events += 1
      return event
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#rejected += 1
      if (error.place !== undefined) this.#progress.passed(host, error.place.position, error.place.time_us)
      reject(this.#options.rejects, host, frame, error)
      return undefined
    }
  }

  #isNew(event: Event, host: string, position: number, time_us: number): boolean {
    try {
      if (this.#progress.admit(event, host, position, time_us)) return true
    } catch (error) {
      this.#duplicates += 1
      throw error
    }
    this.#duplicates += 1
    return false
  }

  #askForLargeFramesAgain(): void {
    this.#leaveOutLargeFrames = false
    throw new Redial('the large frame is passed')
  }

  // --- Between two connections ---

  /** What must happen before the next dial; throws what ends the stream. */
  #wait(error: unknown): Observable<unknown> {
    const openedAt = this.#openedAt
    this.#disconnected()
    if (!(error instanceof StreamError) || !error.retryable) throw error
    if (error instanceof FrameTooLargeError) this.#skipLargeFrame()
    if (openedAt !== undefined && asyncScheduler.now() - openedAt >= HEALTHY_AFTER_MS) this.#attempt = 0
    if (error instanceof Redial) return timer(0).pipe(switchMap(() => this.#whenWanted()))
    const delayMs = this.#nextDelayMs(error, openedAt !== undefined)
    const nextAttemptAt = asyncScheduler.now() + delayMs
    this.#backoffMs = delayMs
    this.#become({ state: 'waiting', host: this.#host, attempt: this.#attempt, nextAttemptAt, reason: error })
    return timer(delayMs).pipe(switchMap(() => this.#whenWanted()))
  }

  #nextDelayMs(error: StreamError, opened: boolean): number {
    const { maxAttempts = Number.POSITIVE_INFINITY, ...backoff } = this.#options.reconnect
    // A host that brought events is dialled again; one that did not is no better than the next.
    if (this.#attempt > 0 || !opened) this.#hostIndex = (this.#hostIndex + 1) % this.#options.hosts.length
    if (this.#attempt >= maxAttempts) {
      throw new ReconnectExhaustedError(`${this.#attempt} retries in a row brought nothing (\`maxAttempts\`): ${error.message}`, {
        cause: error,
      })
    }
    this.#attempt += 1
    const retryAfterMs = error instanceof RefusedError ? (error.retryAfterMs ?? 0) : 0
    return Math.max(backoffMs(this.#attempt, backoff), retryAfterMs)
  }

  #skipLargeFrame(): void {
    this.#leaveOutLargeFrames = true
    const from = this.#progress.last?.position
    // Without a count: until we ask for large frames again, the server leaves out every one.
    if (from !== undefined) this.#gaps.report({ host: this.#host, from, to: undefined, reason: 'frame-too-large', recoverable: true })
  }

  /** Yields when no queue is full. */
  #whenWanted(): Observable<unknown> {
    this.#backoffMs = 0
    if (this.#pauses === 0) return of(undefined)
    if (this.#status.state !== 'paused') this.#become({ state: 'paused', host: this.#host })
    return this.#resumed$.pipe(take(1))
  }

  #disconnected(): void {
    this.#bytes += this.#connection?.bytes ?? 0
    this.#connection = undefined
    this.#openedAt = undefined
    this.#progress.disconnected()
    this.#pauseClose?.unsubscribe()
  }

  get closed(): boolean {
    return this.#stopped && this.#ledger.open === 0
  }

  // --- Pressure: what operators ask of the source ---

  pause(): void {
    this.#pauses += 1
    if (this.#pauses === 1 && this.#connection !== undefined) this.#suspend()
  }

  resume(): void {
    this.#pauses -= 1
    if (this.#pauses > 0 || this.#stopped) return
    this.#pauseClose?.unsubscribe()
    if (this.#connection !== undefined) {
      this.#become({ state: 'open', host: this.#host })
      this.#connection.resume()
    }
    this.#resumed$.next()
  }

  /** Stops reading; and since servers cut a reader that stays blocked, closes before they do, to come back by cursor. */
  #suspend(): Observable<never> {
    const connection = this.#connection
    if (connection === undefined) return EMPTY
    this.#become({ state: 'paused', host: this.#host })
    connection.pause()
    this.#pauseClose = timer(connection.canPause ? this.#options.pauseCloseMs : 0).subscribe(() => {
      this.#interrupt$.error(new Redial('the queues are full'))
    })
    return EMPTY
  }

  flush(): PromiseLike<void> | undefined {
    return this.#progress.flush()
  }

  // --- The end ---

  settled(delivery: Delivery<Event>, outcome: Outcome): void {
    if (outcome === 'dropped') this.#gaps.drop(delivery)
    this.#progress.settled(delivery, outcome)
    if (this.#stopped && this.#ledger.open === 0) this.#publish()
  }

  #fail(error: unknown): void {
    this.#status = { state: 'closed', host: this.#host, ...(error instanceof StreamError ? { reason: error } : {}) }
    this.subscriber.error(error)
  }

  #stop(): void {
    this.#disconnected()
    this.#stopped = true
    this.#backoffMs = 0
    this.#progress.stop()
    this.#become(this.#status.state === 'closed' ? this.#status : { state: 'closed', host: this.#host })
  }

  #become(status: ConnectionStatus): void {
    this.#status = Object.freeze(status)
    this.#publish()
  }

  #publish(): void {
    this.#gaps.flush()
    this.#options.metrics$?.next(Object.freeze(this.#snapshot()))
  }

  #snapshot(): StreamMetrics {
    const { delivered, open, done, dropped, failed, held } = this.#ledger
    return {
      connection: this.#status,
      frames: this.#frames,
      bytes: this.#bytes + (this.#connection?.bytes ?? 0),
      control: this.#control,
      rejected: this.#rejected,
      events: this.#events,
      duplicates: this.#duplicates,
      filtered: this.#filtered,
      delivered,
      open,
      done,
      dropped,
      failed,
      held,
      queued: this.queued,
      unrouted: this.unrouted,
      gaps: this.#gaps.count,
      reconnects: Math.max(0, this.#reconnects),
      currentBackoffMs: this.#backoffMs,
      lastEventAt: this.#lastEventAt,
      lagMs:
        this.#lastEventAt === undefined || this.#lastTimeUs === 0 ? undefined : Math.max(0, this.#lastEventAt - this.#lastTimeUs / 1000),
      cursor: this.#progress.last?.position,
      checkpoint: this.#progress.checkpoint,
      checkpointErrors: this.#progress.checkpointErrors,
    }
  }
}
