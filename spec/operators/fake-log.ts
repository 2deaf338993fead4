import { EMPTY, Observable, Subject, type Subscription, timer } from 'rxjs'
import { ConnectionClosedError, FrameError } from '../../src/errors.js'
import type { CursorProtocol } from '../../src/live/protocol.js'
import { Control } from '../../src/live/protocol.js'
import type { Connection, Dial } from '../../src/socket/socket.js'
import { integer } from '../../src/testing/generate/random.js'

/** One event of the fake stream, and one visit of it to an operator. */
export interface Numbered {
  readonly kind: 'commit'
  readonly commit: { readonly collection: string }
  /** Its place in the log, from 0. */
  readonly n: number
  readonly position: number
  readonly visit: number
}

interface Row {
  readonly n: number
  readonly position: number
  readonly is: 'event' | 'unwanted' | 'garbage' | 'notice'
}

export interface LogOptions {
  readonly events: number
  /** Mean time between two frames. */
  readonly everyMs: number
  /** How many frames a connection lasts, on the average. */
  readonly framesAConnection: number
  readonly canPause: boolean
}

export const FIRST_POSITION = 1_767_225_600_000_000

/**
 * A server's log in memory: inclusive cursors, positions that several events share, connections
 * that break.
 */
export class FakeLog {
  readonly rows: readonly Row[]
  dials = 0

  constructor(
    private readonly options: LogOptions,
    private readonly next: () => number,
  ) {
    let position = FIRST_POSITION
    this.rows = Array.from({ length: options.events }, (_, n) => {
      if (n > 0 && next() > 0.3) position += 1 + integer(next, 5)
      return { n, position, is: this.#kind() }
    })
  }

  readonly dial: Dial = ({ url }) =>
    new Observable<Connection>((subscriber) => {
      this.dials += 1
      const cursor = Number(new URL(url).searchParams.get('cursor') ?? FIRST_POSITION)
      let at = this.rows.findIndex((row) => row.position >= cursor)
      let framesLeft = 1 + integer(this.next, 2 * this.options.framesAConnection)
      let [paused, due]: [boolean, Subscription | undefined] = [false, undefined]
      const frames$ = new Subject<string>()
      const send = () => {
        due = undefined
        const row = at < 0 ? undefined : this.rows[at]
        if (row === undefined) return
        if (framesLeft-- === 0) {
          subscriber.error(new ConnectionClosedError(1006, ''))
          return
        }
        at += 1
        frames$.next(JSON.stringify(row))
        later()
      }
      const later = () => {
        if (!paused && due === undefined && !subscriber.closed)
          due = timer(integer(this.next, 2 * this.options.everyMs)).subscribe(send)
      }
      subscriber.add(() => due?.unsubscribe())
      subscriber.next({
        frames$,
        bytes: 0,
        heard: 0,
        canPause: this.options.canPause,
        send: () => {},
        ping: () => {},
        pause: () => {
          paused = true
          due?.unsubscribe()
          due = undefined
        },
        resume: () => {
          paused = false
          later()
        },
      })
      later()
      return EMPTY.subscribe()
    })

  #kind(): Row['is'] {
    const kind = this.next()
    if (kind < 0.85) return 'event'
    return kind < 0.9 ? 'unwanted' : kind < 0.95 ? 'garbage' : 'notice'
  }
}

const COLLECTIONS = [
  'app.bsky.feed.post',
  'app.bsky.feed.like',
  'app.bsky.graph.follow',
  'com.example.other.thing',
]

export const fakeProtocol: CursorProtocol<Numbered> = {
  host: 'wss://log.test/',
  takesTimes: true,
  oldest: 0,
  url: ({ cursor }) => `wss://log.test/?cursor=${cursor ?? FIRST_POSITION}`,
  decode(frame) {
    const { n, position, is } = JSON.parse(frame as string) as Row
    if (is === 'garbage') throw new FrameError('garbage', { position, time_us: position })
    if (is === 'notice') return new Control('notice', '')
    const collection = is === 'unwanted' ? 'unwanted' : (COLLECTIONS[n % COLLECTIONS.length] ?? '')
    return { kind: 'commit', commit: { collection }, n, position, visit: 0 }
  },
  wants: (event) => event.commit.collection !== 'unwanted',
  cursorOf: (event) => event.position,
  timeOf: (event) => event.position,
  identityOf: (event) => String(event.n),
}
