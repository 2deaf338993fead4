import {
  distinctUntilChanged,
  filter,
  map,
  NEVER,
  type Observable,
  switchMap,
  take,
  takeUntil,
  tap,
  throwError,
  timer,
} from 'rxjs'
import {
  type ConnectionStatus,
  type Gap,
  type GapReason,
  type Logger,
  type RejectedFrame,
  type StreamError,
  type StreamMetrics,
  streamMetrics,
} from '../index.js'
import { inFlags, NeverConnectedError } from './failure.js'
import type { Messages } from './messages.js'
import { positionText } from './stored-position.js'
import { duration, shortHost } from './text.js'

/** Observes a source: prints warnings as they come, and remembers what the exit code needs. */
export class Watch {
  /** Pass these four to the source. */
  readonly metrics$ = streamMetrics()
  readonly gaps = { next: (gap: Gap) => this.#gap(gap) }
  readonly rejects = { next: (reject: RejectedFrame) => this.#rejected(reject) }
  readonly log: Logger = { warn: (text) => this.#warned(text) }

  /** What a source is given of it. */
  get observers(): Pick<Watch, 'gaps' | 'log' | 'metrics$' | 'rejects'> {
    const { metrics$, gaps, rejects, log } = this
    return { metrics$, gaps, rejects, log }
  }

  /** Whether a connection was ever open. */
  connected = false
  /** Frames and parts of frames that could not be read. */
  unreadable = 0
  #reason: StreamError | undefined
  // A gap was told in this tick.
  #hasJustToldGap = false
  // What was dialled last.
  #dialled: string | undefined

  constructor(private readonly messages: Messages) {
    this.metrics$
      .pipe(
        map(({ connection }) => connection),
        distinctUntilChanged(),
      )
      .subscribe((status) => this.#became(status))
  }

  get metrics(): StreamMetrics {
    return this.metrics$.value
  }

  /** Whether anything is known or feared lost. */
  get lost(): boolean {
    return this.metrics.gaps > 0 || this.unreadable > 0
  }

  /** Errors if no connection was opened within `timeoutMs` of the start; 0: never. */
  neverConnected$(timeoutMs: number): Observable<never> {
    if (timeoutMs === 0) return NEVER
    const opened$ = this.metrics$.pipe(
      filter(() => this.connected),
      take(1),
    )
    return timer(timeoutMs).pipe(
      takeUntil(opened$),
      switchMap(() => throwError(() => this.#neverConnected(timeoutMs, '--connect-timeout'))),
    )
  }

  /** Emits after `forMs`; errors then if no connection was ever open. */
  over$(forMs: number): Observable<unknown> {
    return timer(forMs).pipe(
      tap(() => {
        if (!this.connected) throw this.#neverConnected(forMs, '--for')
      }),
    )
  }

  #neverConnected(ms: number, flag: '--connect-timeout' | '--for'): Error {
    return new NeverConnectedError(ms, flag, this.#reason)
  }

  #became(status: ConnectionStatus): void {
    if (status.state === 'open') this.connected = true
    if (status.state === 'waiting') this.#waits(status)
    else if (status.host !== undefined) {
      this.#dialled = status.host
      this.messages.detail(`${status.state} ${shortHost(status.host)}`)
    }
  }

  #waits({
    reason,
    nextAttemptAt,
    attempt,
    host,
  }: Extract<ConnectionStatus, { state: 'waiting' }>): void {
    this.#reason = reason
    const delayMs = Math.max(0, nextAttemptAt - Date.now())
    const failed = this.#dialled ?? host
    const at = host === failed ? '' : ` at ${shortHost(host)}`
    const text = `${failureText(reason, failed)}; retry ${attempt}${at} in ${duration(delayMs)}`
    // Attempt 0: we closed the connection ourselves and dial again at once.
    if (attempt === 0) this.messages.detail(text)
    else this.messages.warn(text)
  }

  /** After its gap, that a position was given up is the same once more. */
  #warned(text: string): void {
    if (this.#hasJustToldGap && text.includes(GIVEN_UP)) this.messages.detail(text)
    else this.messages.warn(inFlags(text))
  }

  #gap({ host, from, to, reason, count, recoverable }: Gap): void {
    this.#hasJustToldGap = true
    queueMicrotask(() => (this.#hasJustToldGap = false))
    const size = count === undefined ? '' : ` (${count})`
    const again = recoverable ? remedy(reason, from) : ''
    this.messages.warn(
      `gap: ${reason}${size} from ${positionText(from)} to ` +
        `${to === undefined ? 'unknown' : positionText(to)} on ${shortHost(host)}${again}`,
    )
  }

  #rejected({ error, host, length }: RejectedFrame): void {
    this.cannotRead(`rejected a frame of ${length} from ${shortHost(host)}: ${error.message}`)
  }

  /** Only the first one is a warning: there may be a million. */
  cannotRead(text: string): void {
    this.unreadable += 1
    if (this.unreadable === 1)
      this.messages.warn(
        `${text}${this.messages.options.verbose ? '' : '; others are counted (-v shows them)'}`,
      )
    else this.messages.detail(text)
  }
}

const GIVEN_UP = ': the position was given up, '

/** `CODE: wss://host: why`, where the reason does not name the host itself. */
function failureText({ code, message }: StreamError, host: string): string {
  const isNamed = message.includes(shortHost(host).replace(/^\w+:\/\//, ''))
  return isNamed ? `${code}: ${message}` : `${code}: ${shortHost(host)}: ${message}`
}

/** After a log was renumbered, the stream has already asked by time. */
const remedy = (reason: GapReason, from: number): string =>
  reason === 'renumbered' ? '; asked for again by time' : `; --cursor ${from} asks for it again`
