import { asyncScheduler, NEVER, Observable, of, Subject, skip, takeUntil, timer } from 'rxjs'
import type { RunHelpers } from 'rxjs/testing'
import { type Gap, Gaps } from '../../src/delivery/gaps.js'
import { type StreamMetrics, streamMetrics } from '../../src/delivery/metrics.js'
import type { RejectedFrame } from '../../src/delivery/rejects.js'
import { ConnectionClosedError, FrameError } from '../../src/errors.js'
import { SILENT } from '../../src/internal/log.js'
import type { LiveOptions } from '../../src/live/config.js'
import { CursorProgress, type CursorProgressOptions } from '../../src/live/cursor-progress.js'
import { type LiveSource, live } from '../../src/live/live.js'
import { Control, type CursorProtocol } from '../../src/live/protocol.js'
import type { Frame } from '../../src/socket/frame.js'
import { LargeFrame } from '../../src/socket/large-frame.js'
import { type Connection, type Dial, type DialOptions, READ_END } from '../../src/socket/socket.js'

export { expectBalanced } from '../helpers/streams.js'

/** The least an event of a live source is. */
export interface Numbered {
  readonly id: string
  readonly position: number
  readonly time_us: number
}

/** 2026-01-01 in unix microseconds; specs count from here. */
export const T0 = 1_767_225_600_000_000

/** One event: its position is the number, its time so many seconds after {@link T0}. */
export const numbered = (position: number, id = `e${position}`): Numbered => ({
  id,
  position,
  time_us: T0 + position * 1_000_000,
})

/** Frames are JSON of an event, `control` or something that cannot be read. */
export const plain = (host: string): CursorProtocol<Numbered> => ({
  host,
  takesTimes: true,
  oldest: 0,
  leavesOutLargeFrames: true,
  url: ({ cursor, leaveOutLargeFrames }) =>
    `${host}?cursor=${cursor ?? 'live'}${leaveOutLargeFrames ? '&small' : ''}`,
  decode: decodeNumbered,
  wants: (event) => !event.id.startsWith('unwanted'),
  cursorOf: (event) => event.position,
  timeOf: (event) => event.time_us,
  identityOf: (event) => event.id,
})

function decodeNumbered(frame: Frame): Numbered | Control {
  if (frame === 'control') return new Control('notice')
  const placed = /^broken (\d+)/.exec(String(frame))
  if (placed !== null)
    throw new FrameError('broken', {
      position: Number(placed[1]),
      time_us: T0 + Number(placed[1]) * 1_000_000,
    })
  if (String(frame).startsWith('broken')) throw new FrameError('broken')
  return JSON.parse(String(frame)) as Numbered
}

/** Virtual under the test scheduler. */
const now = () => asyncScheduler.now()

/** What one dial was asked for, and what became of its connection. */
export interface Dialled {
  readonly at: number
  readonly url: string
  readonly options: DialOptions
  connection: FakeLink | undefined
  /** When the stream let go of it; `undefined` while it has not. */
  closedAt: number | undefined
}

/** A connection in virtual time. Not a WebSocket: `Dial` is the seam that `live` asks for. */
export class FakeLink implements Connection {
  bytes = 0
  heard = 0
  pings: number[] = []
  calls: string[] = []
  sent: string[] = []
  readonly frames$ = new Subject<Frame | LargeFrame | typeof READ_END>()

  constructor(
    readonly canPause: boolean,
    private readonly answersPings: boolean,
    private readonly tellsReadEnd = false,
  ) {}

  receive(frame: Frame | LargeFrame): void {
    this.heard += 1
    this.bytes += frame.length
    this.frames$.next(frame)
    if (this.tellsReadEnd) this.frames$.next(READ_END)
  }

  send(text: string): void {
    this.sent.push(text)
  }

  ping(): void {
    this.pings.push(now())
    if (this.answersPings) this.heard += 1
  }

  pause(): void {
    this.calls.push(`pause ${now()}`)
  }

  resume(): void {
    this.calls.push(`resume ${now()}`)
  }
}

export interface SessionsOptions {
  /** What the letters stand for: an event, or a raw frame. `o` opens, `p` is a pong. */
  readonly frames?: Readonly<Record<string, Numbered | Frame | LargeFrame>>
  /** What `#` of each session stands for. @default a close with 1006 */
  readonly errors?: readonly Error[]
  readonly canPause?: boolean
  readonly answersPings?: boolean
}

/**
 * A dial whose n-th connection follows the n-th marble diagram: `o` opens, letters are frames, `#`
 * ends it. The last one repeats.
 */
export class Sessions {
  readonly dials: Dialled[] = []

  constructor(
    private readonly helpers: RunHelpers,
    private readonly diagrams: readonly string[],
    private readonly options: SessionsOptions = {},
  ) {}

  readonly dial: Dial = (options) =>
    new Observable<Connection>((subscriber) => {
      const index = this.dials.length
      const dialled: Dialled = {
        at: now(),
        url: options.url,
        options,
        connection: undefined,
        closedAt: undefined,
      }
      this.dials.push(dialled)
      const diagram = this.diagrams[Math.min(index, this.diagrams.length - 1)] ?? '-'
      const error =
        this.options.errors?.[Math.min(index, this.options.errors.length - 1)] ??
        new ConnectionClosedError(1006, '')
      subscriber.add(
        this.helpers.cold(diagram, undefined, error).subscribe({
          next: (letter) => this.#act(letter, dialled, (connection) => subscriber.next(connection)),
          error: (failure) => subscriber.error(failure),
        }),
      )
      return () => {
        dialled.closedAt = now()
      }
    })

  #act(letter: string, dialled: Dialled, open: (connection: Connection) => void): void {
    const { canPause = true, answersPings = true, frames = {} } = this.options
    if (letter === 'o') {
      dialled.connection = new FakeLink(
        canPause,
        answersPings,
        dialled.options.tellsReadEnd ?? false,
      )
      open(dialled.connection)
    } else if (letter === 'p' && dialled.connection !== undefined) dialled.connection.heard += 1
    else {
      const frame = frames[letter] ?? numbered(letter.charCodeAt(0) - 96, letter)
      dialled.connection?.receive(isReceived(frame) ? frame : JSON.stringify(frame))
    }
  }

  get times(): readonly number[] {
    return this.dials.map(({ at }) => at)
  }

  /** The differences of the times of dialling. */
  get waits(): readonly number[] {
    return this.times.slice(1).map((at, index) => at - (this.times[index] ?? 0))
  }

  get urls(): readonly string[] {
    return this.dials.map(({ url }) => url)
  }
}

const isReceived = (frame: Numbered | Frame | LargeFrame): frame is Frame | LargeFrame =>
  typeof frame === 'string' || frame instanceof Uint8Array || frame instanceof LargeFrame

/** The options of a live source with nothing random, and no liveness in the way. */
export const quiet: LiveOptions = {
  hosts: ['ws://a'],
  reconnect: { jitter: 'none' },
  refusedForMs: 600_000,
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 10_000_000_000,
  silentTimeoutMs: Number.POSITIVE_INFINITY,
  pauseCloseMs: 5000,
  maxFrameBytes: 1_000_000,
  headers: {},
  agent: undefined,
  metrics$: undefined,
  rejects: undefined,
  gaps: undefined,
  log: SILENT,
}

export const fromLive: CursorProgressOptions = {
  start: undefined,
  onCursorRefused: 'oldest',
  checkpoint: undefined,
  key: 'key',
  host: 'ws://a',
}

type ScriptedOptions = Partial<LiveOptions> &
  SessionsOptions & {
    readonly position?: Partial<CursorProgressOptions>
    /** `undefined` while the filter wants nothing. */
    readonly protocol?: (host: string) => CursorProtocol<Numbered> | undefined
    readonly changes$?: Observable<unknown>
    readonly collections?: LiveSource<Numbered>['collections']
  }

/** A source over scripted sessions, and the snapshots it published. */
export function scripted(
  helpers: RunHelpers,
  diagrams: readonly string[],
  options: ScriptedOptions = {},
) {
  const { position, protocol = plain, changes$ = NEVER, collections, ...others } = options
  const { frames, errors, canPause, answersPings, ...live$ } = others
  const given = { frames, errors, canPause, answersPings }
  const sessions = new Sessions(
    helpers,
    diagrams,
    Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  )
  const metrics$ = streamMetrics()
  const snapshots: (StreamMetrics & { readonly at: number })[] = []
  const gaps: Gap[] = []
  const rejects: RejectedFrame[] = []
  metrics$.pipe(skip(1)).subscribe((snapshot) => snapshots.push({ ...snapshot, at: now() }))
  const source: LiveSource<Numbered> = {
    protocol: (host) => of(protocol(host)),
    changes$,
    options: {
      ...quiet,
      metrics$,
      gaps: { next: (gap) => gaps.push(gap) },
      rejects: { next: (rejected) => rejects.push(rejected) },
      ...live$,
    },
    progress: (gaps, context) => new CursorProgress({ ...fromLive, ...position }, gaps, context),
    dial: sessions.dial,
    ...(collections === undefined ? {} : { collections }),
  }
  return { sessions, metrics$, snapshots, gaps, rejects, events$: live(source) }
}

/** What came of a source within so much virtual time. */
export function runFor<T>({ flush }: RunHelpers, ms: number, source$: Observable<T>) {
  const seen: T[] = []
  const outcome: { error?: unknown; completed?: true } = {}
  source$.pipe(takeUntil(timer(ms))).subscribe({
    next: (value) => seen.push(value),
    error: (error: unknown) => {
      outcome.error = error
    },
  })
  flush()
  return { seen, ...outcome }
}

/** Progress by positions without a store, and the gaps that it reports. */
export const cursorProgress = (
  options: Partial<CursorProgressOptions>,
  gaps: Gap[],
  log = SILENT,
): CursorProgress<Numbered> =>
  new CursorProgress<Numbered>(
    {
      start: undefined,
      onCursorRefused: 'oldest',
      checkpoint: undefined,
      key: 'spec',
      host: 'ws://a',
      ...options,
    },
    new Gaps({ next: (gap) => gaps.push(gap) }),
    { log, frontier: () => undefined, delivered: () => 0, changed: () => {} },
  )
