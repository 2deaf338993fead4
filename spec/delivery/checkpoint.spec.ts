import { Observable, of, Subject } from 'rxjs'
import { memoryCursorStore } from '../../src/cursors/memory.js'
import type { CheckpointOptions, PositionFormat } from '../../src/delivery/checkpoint-options.js'
import { hold, type Release } from '../../src/delivery/delivery.js'
import { streamMetrics } from '../../src/delivery/metrics.js'
import type { Position } from '../../src/delivery/position.js'
import { CursorStoreError, RedisUnavailableError } from '../../src/errors.js'
import { CursorProgress } from '../../src/live/cursor-progress.js'
import { live } from '../../src/live/live.js'
import type { Connection, DialOptions } from '../../src/socket/socket.js'
import { FakeLink, fromLive, type Numbered, numbered, plain, quiet, T0 } from '../live/sessions.js'

const saved = (position: number, host = 'ws://a') =>
  JSON.stringify({ host, position, time_us: T0 + position * 1_000_000 })

/** A store whose saves wait to be settled. */
class SlowStore {
  readonly saves: { readonly position: number; readonly settle: (error?: Error) => void }[] = []
  readonly load = async () => undefined
  readonly save = (_key: string, text: string) =>
    new Promise<void>((resolve, reject) => {
      const { position } = JSON.parse(text) as { position: number }
      this.saves.push({
        position,
        settle: (error) => (error === undefined ? resolve() : reject(error)),
      })
    })

  get positions(): readonly number[] {
    return this.saves.map(({ position }) => position)
  }
}

/** A source with one connection that is open as soon as it is dialled. */
function stream(checkpoint: CheckpointOptions) {
  const link = new FakeLink(true, true)
  const dials: string[] = []
  const metrics$ = streamMetrics()
  const close$ = new Subject<never>()
  const dial = ({ url }: DialOptions) =>
    new Observable<Connection>((subscriber) => {
      dials.push(url)
      subscriber.add(close$.subscribe({ error: (error) => subscriber.error(error) }))
      subscriber.next(link)
    })
  const position = { ...fromLive, checkpoint }
  const events$ = live<Numbered>({
    protocol: (host) => of(plain(host)),
    options: { ...quiet, metrics$ },
    dial,
    progress: (gaps, context) => new CursorProgress(position, gaps, context),
  })
  const receive = (...positions: readonly number[]) => {
    for (const position of positions) link.receive(JSON.stringify(numbered(position)))
  }
  return { events$, receive, dials, metrics$ }
}

describe('the checkpoint', () => {
  beforeEach(() => {
    jest.useFakeTimers()
  })
  afterEach(() => {
    jest.useRealTimers()
  })
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms)

  it('is loaded before the first dial, and wins over the configured start', async () => {
    const store = memoryCursorStore([['key', saved(7)]])
    const { events$, dials } = stream({ store })
    const subscription = events$.subscribe()
    expect(dials).toEqual([])
    await pass(0)
    expect(dials).toEqual(['ws://a?cursor=7'])
    subscription.unsubscribe()
  })

  it('is saved with the first event, then every `everyMs`, and only when it moved', async () => {
    const store = memoryCursorStore()
    const save = jest.spyOn(store, 'save')
    const { events$, receive, metrics$ } = stream({ store, everyMs: 300 })
    const subscription = events$.subscribe()
    await pass(0)
    expect(save).not.toHaveBeenCalled()
    receive(1, 2)
    await pass(0)
    expect(save.mock.calls).toEqual([['key', saved(2)]])
    await pass(3000)
    expect(save).toHaveBeenCalledTimes(1)
    expect(metrics$.value.checkpoint).toBe(2)
    receive(3)
    await pass(299)
    expect(save).toHaveBeenCalledTimes(1)
    await pass(1)
    expect(store.positions.get('key')).toBe(saved(3))
    subscription.unsubscribe()
  })

  it('is saved every second by default', async () => {
    const store = memoryCursorStore()
    const { events$, receive } = stream({ store })
    const subscription = events$.subscribe()
    await pass(0)
    receive(1)
    await pass(0)
    receive(2)
    await pass(999)
    expect([...store.positions.values()]).toEqual([saved(1)])
    await pass(1)
    expect([...store.positions.values()]).toEqual([saved(2)])
    subscription.unsubscribe()
  })

  it('is the oldest event that is not done with, and the last one when all are', async () => {
    const store = memoryCursorStore()
    const { events$, receive } = stream({ store, everyMs: 10 })
    const releases: Release[] = []
    const subscription = events$.subscribe(() => releases.push(hold()))
    await pass(0)
    receive(1, 2, 3)
    const released = async (index: number) => {
      releases[index]?.()
      await pass(10)
      return store.positions.get('key')
    }
    expect(await released(1)).toBe(saved(1))
    expect(await released(0)).toBe(saved(3))
    expect(await released(2)).toBe(saved(3))
    subscription.unsubscribe()
  })

  it('stays before an event that failed, whatever is done after it', async () => {
    const store = memoryCursorStore()
    const { events$, receive } = stream({ store, everyMs: 10 })
    const subscription = events$.subscribe(({ position }) => {
      const release = hold()
      if (position === 2) release.failed()
      else release()
    })
    await pass(0)
    receive(1, 2, 3, 4)
    await pass(50)
    expect(store.positions.get('key')).toBe(saved(2))
    subscription.unsubscribe()
    await pass(50)
    expect(store.positions.get('key')).toBe(saved(2))
  })

  it('passes an event that was dropped', async () => {
    const store = memoryCursorStore()
    const { events$, receive } = stream({ store, everyMs: 10 })
    const subscription = events$.subscribe(() => hold().dropped())
    await pass(0)
    receive(1, 2)
    await pass(10)
    expect(store.positions.get('key')).toBe(saved(2))
    subscription.unsubscribe()
  })

  it('is saved once more on unsubscription', async () => {
    const store = memoryCursorStore()
    const { events$, receive } = stream({ store })
    const subscription = events$.subscribe()
    await pass(0)
    receive(1, 2)
    subscription.unsubscribe()
    await pass(0)
    expect(store.positions.get('key')).toBe(saved(2))
    expect(jest.getTimerCount()).toBe(0)
  })

  it('is saved after the end too, without a timer, until all held events are done', async () => {
    const store = memoryCursorStore()
    const { events$, receive } = stream({ store })
    const releases: Release[] = []
    const subscription = events$.subscribe(() => releases.push(hold()))
    await pass(0)
    receive(1, 2, 3)
    subscription.unsubscribe()
    await pass(0)
    expect(store.positions.get('key')).toBe(saved(1))
    expect(jest.getTimerCount()).toBe(0)
    releases[0]?.()
    await pass(0)
    expect(store.positions.get('key')).toBe(saved(2))
    releases[2]?.()
    releases[1]?.()
    await pass(0)
    expect(store.positions.get('key')).toBe(saved(3))
  })

  it('keeps one save in flight, and goes on with the newest position', async () => {
    const store = new SlowStore()
    const { events$, receive } = stream({ store, everyMs: 10 })
    const subscription = events$.subscribe()
    await pass(0)
    receive(1)
    await pass(10)
    receive(2)
    await pass(100)
    receive(3)
    await pass(100)
    expect(store.positions).toEqual([1])
    store.saves[0]?.settle()
    await pass(10)
    expect(store.positions).toEqual([1, 3])
    subscription.unsubscribe()
    store.saves[1]?.settle()
    await pass(0)
  })

  it('saves after the end what came while the last save was in flight', async () => {
    const store = new SlowStore()
    const { events$, receive } = stream({ store, everyMs: 10 })
    const subscription = events$.subscribe()
    await pass(0)
    receive(1)
    await pass(10)
    receive(2)
    subscription.unsubscribe()
    expect(store.positions).toEqual([1])
    store.saves[0]?.settle()
    await pass(0)
    expect(store.positions).toEqual([1, 2])
    expect(jest.getTimerCount()).toBe(0)
  })

  it('that cannot be saved is counted, retried, and ends after `failAfterMs`', async () => {
    const store = {
      load: async () => undefined,
      save: jest.fn(async () => Promise.reject(new Error('disk full'))),
    }
    const { events$, receive, metrics$ } = stream({ store, everyMs: 100, failAfterMs: 1000 })
    const error = jest.fn()
    events$.subscribe({ error })
    await pass(0)
    receive(1)
    await pass(999)
    expect(error).not.toHaveBeenCalled()
    expect(metrics$.value.checkpointErrors).toBe(10)
    await pass(1)
    expect(error).toHaveBeenCalledWith(
      expect.objectContaining({ code: 'CURSOR_STORE', cause: new Error('disk full') }),
    )
    expect(metrics$.value.connection).toMatchObject({
      state: 'closed',
      reason: { code: 'CURSOR_STORE' },
    })
    await pass(0)
    expect(jest.getTimerCount()).toBe(0)
  })

  it('counts `failAfterMs` from the last save that went well', async () => {
    const store = new SlowStore()
    const { events$, receive } = stream({ store, everyMs: 100, failAfterMs: 250 })
    const error = jest.fn()
    const subscription = events$.subscribe({ error })
    await pass(0)
    const disk = new Error('disk full')
    // One in two fails, for a second.
    for (let n = 0; n < 10; n++) {
      receive(n + 1)
      await pass(100)
      store.saves.at(-1)?.settle(n % 2 === 0 ? disk : undefined)
    }
    await pass(0)
    expect(error).not.toHaveBeenCalled()
    subscription.unsubscribe()
  })

  it('is waited for if the store will be back: at the load and each save', async () => {
    const away = new CursorStoreError('could not save', {
      cause: new RedisUnavailableError('Redis is away', 'AWAY'),
    })
    const memory = memoryCursorStore()
    let isAway = true
    const whenBack = async <T>(ask: () => PromiseLike<T>): Promise<T> =>
      isAway ? Promise.reject(away) : ask()
    const store = {
      load: (key: string) => whenBack(() => memory.load(key)),
      save: (key: string, position: string) => whenBack(() => memory.save(key, position)),
    }
    const { events$, receive, metrics$, dials } = stream({ store, everyMs: 100, failAfterMs: 1000 })
    const error = jest.fn()
    const subscription = events$.subscribe({ error })
    await pass(600_000)
    expect([dials.length, error.mock.calls]).toEqual([0, []])
    isAway = false
    await pass(60_000)
    expect(dials).toHaveLength(1)
    isAway = true
    receive(1)
    await pass(600_000)
    expect(error).not.toHaveBeenCalled()
    expect(metrics$.value.checkpointErrors).toBeGreaterThan(1000)
    isAway = false
    await pass(100)
    expect(metrics$.value.checkpoint).toBe(1)
    subscription.unsubscribe()
    await pass(0)
    expect(jest.getTimerCount()).toBe(0)
  })

  it('goes on after a sleep longer than `failAfterMs` with a save in flight', async () => {
    const store = new SlowStore()
    const { events$, receive } = stream({ store, everyMs: 1000, failAfterMs: 5000 })
    const error = jest.fn()
    const subscription = events$.subscribe({ error })
    await pass(0)
    receive(1)
    await pass(1000)
    expect(store.positions).toEqual([1])
    // Timers do not run while a machine sleeps. The first of them is due at once when it wakes.
    jest.setSystemTime(Date.now() + 3_600_000)
    await pass(3000)
    store.saves[0]?.settle()
    receive(2)
    await pass(1000)
    expect([store.positions, error.mock.calls]).toEqual([[1, 2], []])
    subscription.unsubscribe()
  })

  it('whose store never answers ends the stream after `failAfterMs` too', async () => {
    const { events$, receive } = stream({ store: new SlowStore(), everyMs: 100, failAfterMs: 1000 })
    const error = jest.fn()
    events$.subscribe({ error })
    await pass(0)
    receive(1)
    await pass(1500)
    expect(error).toHaveBeenCalledWith(expect.objectContaining({ code: 'CURSOR_STORE' }))
  })

  it.each([
    ['text', 'not json'],
    ['a number', '17'],
    ['null', 'null'],
    ['no host', '{"position":1,"time_us":1}'],
    ['a position above 2^53', '{"host":"a","position":9007199254740993,"time_us":1}'],
    ['nothing', ''],
  ])(
    'that cannot be read (%s) ends the stream before any dial, and is never overwritten',
    async (_, text) => {
      const store = memoryCursorStore([['key', text]])
      const { events$, dials } = stream({ store })
      const error = jest.fn()
      events$.subscribe({ error })
      await pass(5000)
      expect(error).toHaveBeenCalledWith(
        expect.objectContaining({ code: 'CURSOR_STORE', message: expect.stringContaining('key') }),
      )
      expect(dials).toEqual([])
      expect(store.positions.get('key')).toBe(text)
    },
  )

  it('that cannot be loaded ends the stream before any dial, with the cause', async () => {
    const cause = new Error('no route to host')
    const { events$, dials } = stream({
      store: { load: async () => Promise.reject(cause), save: async () => undefined },
    })
    const error = jest.fn()
    events$.subscribe({ error })
    await pass(5000)
    expect(error).toHaveBeenCalledWith(expect.objectContaining({ code: 'CURSOR_STORE', cause }))
    expect(dials).toEqual([])
  })

  it('of a subscription that ends while it loads leads to no dial', async () => {
    const { events$, dials } = stream({ store: memoryCursorStore() })
    events$.subscribe().unsubscribe()
    await pass(5000)
    expect(dials).toEqual([])
    expect(jest.getTimerCount()).toBe(0)
  })

  it('belongs to a subscription: two of them save their own', async () => {
    const save = jest.fn(async () => undefined)
    const { events$, receive } = stream({ store: { load: async () => undefined, save } })
    const subscriptions = [events$.subscribe(), events$.subscribe()]
    await pass(0)
    receive(1)
    for (const subscription of subscriptions) subscription.unsubscribe()
    await pass(0)
    expect(save).toHaveBeenCalledTimes(2)
  })

  it('never ends the stream under `failAfterMs: Infinity`, however long saves fail', async () => {
    const store = {
      load: async () => undefined,
      save: jest.fn(async () => Promise.reject(new Error('disk full'))),
    }
    const failAfterMs = Number.POSITIVE_INFINITY
    const { events$, receive } = stream({ store, everyMs: 1000, failAfterMs })
    const error = jest.fn()
    const subscription = events$.subscribe({ error })
    await pass(0)
    receive(1)
    await pass(3_600_000)
    expect([error.mock.calls, store.save.mock.calls.length]).toEqual([[], 3601])
    subscription.unsubscribe()
  })

  describe('with a `positionFormat`', () => {
    /** The last one that is done, as a plain number: it loses the host, and what is before 1. */
    const lastDone: PositionFormat<Position> = {
      write: ({ position }) => String(Math.max(0, position - 1)),
      read: (text, host) =>
        /^\d+$/.test(text) ? { host, position: Number(text) + 1, time_us: 0 } : undefined,
    }

    it('is written and read by it, with the host of the stream', async () => {
      const read = jest.fn(lastDone.read)
      const store = memoryCursorStore([['key', '6']])
      const positionFormat = { ...lastDone, read }
      const { events$, receive, dials, metrics$ } = stream({ store, everyMs: 10, positionFormat })
      const subscription = events$.subscribe()
      await pass(0)
      expect(read.mock.calls).toEqual([['6', 'ws://a']])
      expect(dials).toEqual(['ws://a?cursor=7'])
      receive(7, 8, 9)
      await pass(10)
      expect(store.positions.get('key')).toBe('8')
      expect(metrics$.value.checkpoint).toBe(9)
      subscription.unsubscribe()
    })

    it('is saved once where the text says less than the position', async () => {
      const store = memoryCursorStore()
      const save = jest.spyOn(store, 'save')
      const { events$, receive } = stream({ store, everyMs: 10, positionFormat: lastDone })
      const subscription = events$.subscribe()
      await pass(0)
      receive(0)
      await pass(100)
      expect(save.mock.calls).toEqual([['key', '0']])
      subscription.unsubscribe()
    })

    it.each([
      ['takes nothing of it', () => undefined, '`positionFormat` does not take it'],
      [
        'throws',
        () => {
          throw new RangeError('not ours')
        },
        'not ours',
      ],
    ])('whose text cannot be read, since it %s, ends the stream', async (_, read, reason) => {
      const store = memoryCursorStore([['key', 'x1']])
      const positionFormat = { ...lastDone, read }
      const { events$, dials } = stream({ store, positionFormat })
      const error = jest.fn()
      events$.subscribe({ error })
      await pass(5000)
      const message = `the store's position for key cannot be read: x1; ${reason}`
      expect(error).toHaveBeenCalledWith(expect.objectContaining({ code: 'CURSOR_STORE', message }))
      expect([dials, store.positions.get('key')]).toEqual([[], 'x1'])
    })

    it('whose error is a CursorStoreError ends the stream with that one', async () => {
      const own = new CursorStoreError('delete the key to start over')
      const positionFormat = {
        ...lastDone,
        read: () => {
          throw own
        },
      }
      const { events$ } = stream({ store: memoryCursorStore([['key', '']]), positionFormat })
      const error = jest.fn()
      events$.subscribe({ error })
      await pass(0)
      expect(error.mock.calls).toEqual([[own]])
    })

    it.each([
      ['cannot read back', () => 'five'],
      [
        'throws for',
        () => {
          throw new TypeError('no position')
        },
      ],
    ])('is not saved where it is one that the format %s', async (_, write) => {
      const store = memoryCursorStore()
      const positionFormat = { ...lastDone, write }
      const checkpoint = { store, everyMs: 100, failAfterMs: 1000, positionFormat }
      const { events$, receive, metrics$ } = stream(checkpoint)
      const error = jest.fn()
      events$.subscribe({ error })
      await pass(0)
      receive(5)
      await pass(2000)
      expect(store.positions.size).toBe(0)
      expect(metrics$.value.checkpointErrors).toBeGreaterThan(5)
      expect(error).toHaveBeenCalledWith(expect.objectContaining({ code: 'CURSOR_STORE' }))
    })
  })
})
