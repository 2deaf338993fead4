import { NEVER } from 'rxjs'
import { boundedMergeMap, ingest, type TapEvent } from '../../../src/index.js'
import { fakeTap, generateTapEvents } from '../../../src/testing/index.js'
import { ALICE, idsOf, records, tapped } from './tapped.js'

/** Work that stands still until it is let go. */
function gate() {
  let open: () => void = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, handle: async <T>(value: T): Promise<T> => opened.then(() => value) }
}

// 8 MB: more than the buffers of both sides.
const large = records(ALICE, 800, false).map((event) => ({
  ...event,
  record: { text: 'x'.repeat(10_000) },
}))

describe('a full queue behind tap$', () => {
  it('stops the reading, and TCP stops the server', async () => {
    await using tap = await fakeTap({ events: large })
    const { open, handle } = gate()
    const [source, ids] = [tapped(tap), [] as number[]]
    const subscription = source.events$
      .pipe(boundedMergeMap(handle, { capacity: 20 }))
      .subscribe(({ id }) => ids.push(id))
    await source.when(({ connection }) => connection.state === 'paused')
    await source.when(({ queued }) => queued >= 20)
    expect(source.metrics.frames).toBeLessThan(200)
    expect(tap.sent).toBeLessThan(800)
    open()
    await tap.drained()
    expect(ids).toEqual(large.map((_, index) => index + 1))
    expect(source.metrics.reconnects).toBe(0)
    subscription.unsubscribe()
    await tap.closed()
  })

  it('keeps the connection for ten minutes, since a Tap waits for a reader', async () => {
    const all = [
      'Date',
      'performance',
      'nextTick',
      'queueMicrotask',
      'setImmediate',
      'clearImmediate',
      'setTimeout',
      'clearTimeout',
    ] as const
    jest.useFakeTimers({ doNotFake: [...all] })
    try {
      await using tap = await fakeTap({ events: records(ALICE, 100, false) })
      const source = tapped(tap)
      const subscription = source.events$
        .pipe(boundedMergeMap(() => NEVER, { capacity: 5 }))
        .subscribe()
      await source.when(({ connection }) => connection.state === 'paused')
      jest.advanceTimersByTime(599_000)
      expect(source.metrics.connection.state).toBe('paused')
      expect(tap.connections[0]?.closed).toBeUndefined()
      jest.advanceTimersByTime(2000)
      expect((await tap.closed()).closed?.code).toBe(1000)
      subscription.unsubscribe()
    } finally {
      jest.useRealTimers()
    }
  })

  it('closes the connection after pauseCloseMs; nothing is lost or handled twice', async () => {
    await using tap = await fakeTap({ events: large, retryTimeoutMs: 100 })
    const { open, handle } = gate()
    const [source, ids] = [tapped(tap, { pauseCloseMs: 50 }), [] as number[]]
    const subscription = source.events$
      .pipe(boundedMergeMap(handle, { capacity: 20 }))
      .subscribe(({ id }) => ids.push(id))
    const closed = await tap.closed()
    expect(closed.closed?.code).toBe(1000)
    expect(source.metrics.connection.state).toBe('paused')
    open()
    await tap.drained()
    expect(source.metrics.reconnects).toBeGreaterThan(0)
    expect([...ids].sort((a, b) => a - b)).toEqual(large.map((_, index) => index + 1))
    expect(tap.acks.some(({ stray }) => stray)).toBe(false)
    subscription.unsubscribe()
    await tap.closed(tap.connections.length)
  })
})

describe('order and concurrency behind tap$', () => {
  it('each repository is handled one event at a time, repositories concurrently', async () => {
    const all = [...generateTapEvents({ count: 600, dids: 20, live: 0.5 })]
    await using tap = await fakeTap({ events: all })
    const running = new Map<string, number>()
    const [seen, clashes]: [TapEvent[], string[]] = [[], []]
    let [now, most] = [0, 0]
    const handle = async (event: TapEvent) => {
      running.set(event.did, (running.get(event.did) ?? 0) + 1)
      now += 1
      most = Math.max(most, now)
      if (running.get(event.did) !== 1) clashes.push(event.did)
      await new Promise((resolve) => setImmediate(resolve))
      now -= 1
      running.set(event.did, 0)
      seen.push(event)
    }
    const source = tapped(tap)
    const work = ingest<TapEvent, '*'>(
      { '*': handle },
      { concurrency: 16, orderBy: (event) => event.did },
    )
    const subscription = source.events$.pipe(work).subscribe()
    await tap.drained()
    subscription.unsubscribe()
    await tap.closed()
    expect(clashes).toEqual([])
    expect(most).toBeGreaterThan(8)
    expect(seen).toHaveLength(600)
    // Of one repository: live events after all that came before them. Ids are in the order of the
    // log.
    for (const did of new Set(seen.map((event) => event.did))) {
      const own = seen.filter((event) => event.did === did)
      own.forEach((event, index) => {
        if (event.type === 'record' && event.live)
          expect(Math.max(0, ...idsOf(own.slice(0, index)))).toBeLessThan(event.id)
      })
    }
  })
})
