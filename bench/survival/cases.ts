import type { JetstreamEvent } from 'rxjs-atproto'
import {
  type FakeAttempt,
  type FakeTapEvent,
  fakeJetstream,
  fakeTap,
  generateEvents,
  generateTapEvents,
  type JetstreamFault,
  type TapFault,
} from 'rxjs-atproto/testing'

/** A server with one fault, for one contender. */
export interface Served extends AsyncDisposable {
  readonly hosts: readonly [string, ...string[]]
  readonly attempts: readonly FakeAttempt[]
  /** Somebody has dialled. */
  readonly dialled: Promise<void>
  /** The faults that happened; nobody survives what did not. */
  readonly fired: number
}

export interface Case {
  readonly name: string
  /** How many different events a reader must have in the end. */
  readonly events: number
  /** Whether it is one of a quick run. */
  readonly isQuick?: boolean
  serve(): Promise<Served>
}

export const EVENTS = 300
const HALF = EVENTS / 2
// A little ahead: some start at the time of their own clock, and events come after that.
const startUs = (Date.now() + 60_000) * 1000
const commits = [...generateEvents({ count: 2 * EVENTS, startUs })]
  .filter(({ kind }) => kind === 'commit')
  .slice(0, EVENTS)

const CUT = { after: HALF, do: 'drop' } as const
const refusal = (status: number, headers: Readonly<Record<string, string>> = {}) =>
  ({ onConnect: 2, do: 'refuse', status, headers }) as const
const WAIT = { 'retry-after': '5' }

/** Over a socket that is away, alive or wrong, as both servers can have it. */
const SHARED = [
  ['the connection is cut', [CUT], true],
  ['half-open: no byte, no pong', [{ after: HALF, do: 'silence' }], true],
  ['alive, but no event comes', [{ after: HALF, do: 'stall' }]],
  ['a frame that is no JSON', [{ after: HALF, do: 'garbage', frame: '{"did":' }], true],
  ['cut, then 503, Retry-After: 5', [CUT, refusal(503, WAIT)], true],
  ['cut, then 429, Retry-After: 5', [CUT, refusal(429, WAIT)]],
  ['cut, then 403', [CUT, refusal(403)]],
] as const satisfies readonly (readonly [string, readonly TapFault[], true?])[]

export const JETSTREAM_CASES: readonly Case[] = [
  ...SHARED.map(([name, faults, isQuick = false]) => ({
    name,
    events: EVENTS,
    isQuick,
    serve: () => jetstream(commits, faults),
  })),
  {
    name: 'killed; the log has lost 20, and takes them in again',
    events: EVENTS,
    serve: () => restarted('legacy', { lose: 20, again: 'all' }),
  },
  {
    name: 'killed; 20 numbers are given out again',
    events: EVENTS,
    serve: () => restarted('v2', { lose: 20 }),
  },
  {
    name: 'the server sends 20 events twice',
    events: EVENTS,
    serve: () => jetstream(commits, [{ after: HALF, do: 'repeat', events: 20 }]),
  },
  {
    name: 'a frame of 6 MB',
    events: EVENTS,
    serve: () => jetstream(commits.map((event, n) => (n === HALF ? large(event) : event))),
  },
  { name: 'the first of two hosts refuses', events: EVENTS, serve: () => besideOneThatRefuses() },
]

const tapEvents = [...generateTapEvents({ count: EVENTS, dids: 30 })]

export const TAP_CASES: readonly Case[] = SHARED.map(([name, faults, isQuick = false]) => ({
  name,
  events: EVENTS,
  isQuick,
  serve: () => tap(tapEvents, faults),
}))

async function jetstream(
  events: readonly JetstreamEvent[],
  faults: readonly JetstreamFault[] = [],
): Promise<Served> {
  const server = await fakeJetstream({ events, faults: faults.map(maybe) })
  return {
    hosts: [server.url],
    attempts: server.attempts,
    dialled: server.when(() => server.attempts.length > 0),
    get fired() {
      return server.fired.length + (faults.length === 0 ? 1 : 0)
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
}

/** Half of the events, a crash, and the other half. */
async function restarted(
  kind: 'legacy' | 'v2',
  crash: { readonly lose: number; readonly again?: 'all' },
): Promise<Served> {
  const server = await fakeJetstream({ server: kind })
  let fired = 0
  const play = async (): Promise<void> => {
    await server.connected()
    server.emit(...commits.slice(0, HALF))
    await server.idle()
    server.restart(crash)
    fired = 1
    server.emit(...commits.slice(HALF))
  }
  void play()
  return {
    hosts: [server.url],
    attempts: server.attempts,
    dialled: server.when(() => server.attempts.length > 0),
    get fired() {
      return fired
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
}

async function besideOneThatRefuses(): Promise<Served> {
  const refusal = { onConnect: 1, times: 1000, do: 'refuse', status: 502, optional: true } as const
  const away = await fakeJetstream({ faults: [refusal] })
  const server = await jetstream(commits)
  return {
    hosts: [away.url, ...server.hosts],
    get attempts() {
      return [...away.attempts, ...server.attempts]
    },
    dialled: away.when(() => away.attempts.length > 0),
    fired: 1,
    async [Symbol.asyncDispose]() {
      await away.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

async function tap(events: readonly FakeTapEvent[], faults: readonly TapFault[]): Promise<Served> {
  const server = await fakeTap({ events, faults: faults.map(maybe), retryTimeoutMs: 5000 })
  return {
    hosts: [server.url],
    attempts: server.attempts,
    dialled: server.when(() => server.attempts.length > 0),
    get fired() {
      return server.fired.length
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
}

/** A contender that ends before a fault is no failure of the server. */
const maybe = <Fault extends object>(fault: Fault): Fault => ({ ...fault, optional: true })

function large(event: JetstreamEvent): JetstreamEvent {
  if (event.kind !== 'commit') return event
  const record = { $type: event.commit.collection, text: 'x'.repeat(6e6) }
  return { ...event, commit: { ...event.commit, operation: 'create', record } } as JetstreamEvent
}
