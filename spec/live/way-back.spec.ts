import { Observable, of, throwError } from 'rxjs'
import type { CheckpointOptions } from '../../src/delivery/checkpoint-options.js'
import { hold, type Release } from '../../src/delivery/delivery.js'
import { ConnectionClosedError, RefusedError } from '../../src/errors.js'
import { memoryCursorStore } from '../../src/index.js'
import type { LiveOptions } from '../../src/live/config.js'
import { CursorProgress } from '../../src/live/cursor-progress.js'
import { cursorRequest } from '../../src/live/cursor-request.js'
import { live } from '../../src/live/live.js'
import { WayBack } from '../../src/live/way-back.js'
import type { Connection, DialOptions } from '../../src/socket/socket.js'
import { FakeLink, fromLive, type Numbered, numbered, plain, quiet, T0 } from './sessions.js'

const at = (position: number) =>
  JSON.stringify({ host: 'ws://a', position, time_us: T0 + position * 1_000_000 })
const GIVEN_UP = '{"host":"ws://a","position":0,"time_us":0}'

/** A server that refuses each cursor but the oldest, after `serves` connections. */
function stream(
  checkpoint: CheckpointOptions,
  serves = 0,
  hosts: LiveOptions['hosts'] = ['ws://a'],
) {
  const link = new FakeLink(true, true)
  const dials: string[] = []
  const ends: (() => void)[] = []
  const refusal = () => new RefusedError('no cursor', { status: 400, body: '' })
  const dial = ({ url }: DialOptions): Observable<Connection> => {
    dials.push(url)
    // The first of two hosts goes away.
    if (dials.length === 2 && hosts.length === 2)
      return throwError(() => new ConnectionClosedError(1006, ''))
    if (dials.length > serves && !url.endsWith('cursor=0')) return throwError(refusal)
    return new Observable((subscriber) => {
      ends.push(() => subscriber.error(new ConnectionClosedError(1006, '')))
      subscriber.next(link)
    })
  }
  const events$ = live<Numbered>({
    protocol: (host) => of({ ...plain(host), refused: () => 'cursor' as const }),
    options: {
      ...quiet,
      hosts,
      reconnect: { ...quiet.reconnect, initialDelayMs: 1, maxDelayMs: 1 },
    },
    dial,
    progress: (gaps, context) =>
      new CursorProgress({ ...fromLive, onCursorRefused: 'oldest', checkpoint }, gaps, context),
  })
  const receive = (...positions: readonly number[]) => {
    for (const position of positions) link.receive(JSON.stringify(numbered(position)))
  }
  return { events$, link, receive, dials, cut: () => ends.at(-1)?.() }
}

/** A memory store whose saves wait to be settled. */
function slowStore(position: number) {
  const store = memoryCursorStore([['key', at(position)]])
  const saves: (() => void)[] = []
  return {
    saves,
    positions: store.positions,
    load: store.load.bind(store),
    save: (key: string, text: string) =>
      new Promise<void>((resolve) => saves.push(resolve)).then(() => store.save(key, text)),
  }
}

describe('a position that was given up', () => {
  beforeEach(() => {
    jest.useFakeTimers()
  })
  afterEach(() => {
    jest.useRealTimers()
  })
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms)

  it('is saved as such before the oldest events come again', async () => {
    const store = slowStore(7)
    const { events$, dials } = stream({ store })
    const subscription = events$.subscribe()
    await pass(1000)
    expect([dials, store.positions.get('key')]).toEqual([['ws://a?cursor=7'], at(7)])
    store.saves[0]?.()
    await pass(1)
    expect([dials, store.positions.get('key')]).toEqual([
      ['ws://a?cursor=7', 'ws://a?cursor=0'],
      GIVEN_UP,
    ])
    subscription.unsubscribe()
    await pass(0)
  })

  it('lets the next run begin with the oldest event too, also if it dies at once', async () => {
    const store = memoryCursorStore([['key', GIVEN_UP]])
    for (let run = 0; run < 2; run++) {
      const { events$, dials } = stream({ store })
      const subscription = events$.subscribe()
      await pass(0)
      expect(dials).toEqual(['ws://a?cursor=0'])
      subscription.unsubscribe()
      await pass(0)
      expect(store.positions.get('key')).toBe(GIVEN_UP)
    }
    // No event is at that position: the first one that comes is new, and nothing is asked again.
    const { events$, dials, receive } = stream({ store })
    const seen: number[] = []
    const subscription = events$.subscribe(({ position }) => seen.push(position))
    await pass(0)
    receive(3, 4)
    await pass(100)
    expect([seen, dials]).toEqual([[3, 4], ['ws://a?cursor=0']])
    subscription.unsubscribe()
    await pass(0)
  })

  it('is dropped where an unwanted event has come, and all others are done', async () => {
    const store = memoryCursorStore([['key', GIVEN_UP]])
    const { events$, link } = stream({ store, everyMs: 10 })
    const subscription = events$.subscribe()
    await pass(20)
    expect(store.positions.get('key')).toBe(GIVEN_UP)
    link.receive(JSON.stringify(numbered(3, 'unwanted')))
    await pass(10)
    expect(store.positions.get('key')).toBe(at(3))
    subscription.unsubscribe()
    await pass(0)
  })

  it('stays so while an event from before it is not done', async () => {
    const store = memoryCursorStore([['key', at(7)]])
    const { events$, receive, cut } = stream({ store, everyMs: 10 }, 1)
    const releases: Release[] = []
    const subscription = events$.subscribe(() => releases.push(hold()))
    await pass(0)
    receive(7, 8)
    cut()
    await pass(20)
    receive(1, 2)
    const released = async (index: number) => {
      releases[index]?.()
      await pass(10)
      return store.positions.get('key')
    }
    expect(await released(0)).toBe(GIVEN_UP)
    expect(await released(2)).toBe(GIVEN_UP)
    expect(await released(1)).toBe(at(2))
    expect(await released(3)).toBe(at(2))
    subscription.unsubscribe()
    await pass(0)
  })

  it.each([
    ['never answers', () => new Promise<void>(() => {})],
    ['fails', () => Promise.reject(new Error('disk full'))],
  ])('does not wait for ever for a store that %s', async (_, save) => {
    const store = { ...memoryCursorStore([['key', at(7)]]), save }
    const { events$, dials } = stream({ store, failAfterMs: Number.POSITIVE_INFINITY })
    const subscription = events$.subscribe()
    await pass(6000)
    expect(dials).toEqual(['ws://a?cursor=7', 'ws://a?cursor=0'])
    subscription.unsubscribe()
    await pass(0)
  })

  it('is not written in the format of another program', async () => {
    const store = memoryCursorStore([['key', '7']])
    const positionFormat = {
      write: ({ position }: { readonly position: number }) => String(position),
      read: (text: string, host: string) => ({ host, position: Number(text), time_us: 0 }),
    }
    const { events$, dials, receive } = stream({ store, everyMs: 10, positionFormat })
    const subscription = events$.subscribe()
    await pass(20)
    expect([dials.length, store.positions.get('key')]).toEqual([2, '7'])
    receive(1)
    await pass(10)
    expect(store.positions.get('key')).toBe('1')
    subscription.unsubscribe()
    await pass(0)
  })
})

describe('a connection that goes back to a time', () => {
  beforeEach(() => {
    jest.useFakeTimers()
  })
  afterEach(() => {
    jest.useRealTimers()
  })
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms)
  const HOSTS = ['ws://a', 'ws://b'] as const
  const REWOUND = `?cursor=${T0 + 7_000_000 - 10_000_000}`

  it('is saved as such before older events come again, for the next run and any host', async () => {
    const store = memoryCursorStore()
    const { events$, receive, dials, cut } = stream({ store, everyMs: 10 }, 9, HOSTS)
    const subscription = events$.subscribe()
    await pass(0)
    receive(5, 7)
    await pass(10)
    expect(store.positions.get('key')).toBe(at(7))
    cut()
    await pass(20)
    expect(dials.at(-1)).toBe(`ws://b${REWOUND}`)
    const way = store.positions.get('key')
    expect(JSON.parse(way ?? '')).toEqual({ host: '', position: 7, time_us: T0 + 7_000_000 })
    receive(6)
    await pass(10)
    expect(JSON.parse(store.positions.get('key') ?? '')).toMatchObject({ host: 'ws://b' })
    subscription.unsubscribe()
    await pass(0)
    const next = stream({ store: memoryCursorStore([['key', way ?? '']]) }, 9, HOSTS)
    const again = next.events$.subscribe()
    await pass(0)
    expect(next.dials).toEqual([`ws://a${REWOUND}`])
    again.unsubscribe()
    await pass(0)
  })
})

describe('the way back that is saved', () => {
  const SECOND = 1_000_000
  const held = { position: 12, time_us: 120 * SECOND }
  const asked = (open: { readonly position: number; readonly time_us: number } | undefined) => {
    const frontier = () => open && { host: 'ws://a', ordinal: 2, ...open }
    const context = { frontier, delivered: () => 12 }
    const wayBack = new WayBack(context, { last: undefined }, { reportedUpTo: () => 0 })
    const request = cursorRequest('rewind', 110 * SECOND, { held: held as never })
    wayBack.ask(request, 'ws://b', false)
    return wayBack.position
  }

  it('is the event that came last, where the work on all before it has ended', () => {
    expect(asked(undefined)).toEqual({ host: '', position: 12, time_us: 120 * SECOND })
    expect(asked({ position: 12, time_us: 120 * SECOND })).toEqual({
      host: '',
      position: 12,
      time_us: 120 * SECOND,
    })
  })

  it('is an older event that is still open, asked for by its time', () => {
    const open = { position: 2, time_us: 20 * SECOND }
    expect(asked(open)).toEqual({ host: '', ...open })
  })

  it('is left to the position of an open event that has no time', () => {
    expect(asked({ position: 2, time_us: 0 })).toBeUndefined()
  })
})
