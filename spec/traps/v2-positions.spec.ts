import { tap } from 'rxjs'
import { memoryCursorStore } from '../../src/index.js'
import { type FakeJetstreamOptions, fakeJetstream } from '../../src/testing/index.js'
import { cursorsOf, first, generated, until, watched } from './watched.js'

const unnumbered = (events: readonly { cursor?: number }[]) =>
  events.map(({ cursor, ...event }) => event)
const serve = (options: FakeJetstreamOptions = {}) =>
  fakeJetstream({ server: 'v2', firstSeq: 1_000, ...options })

describe('the cursor of every dial, on wire v2', () => {
  it('is the number of the last event received, and each event comes once', async () => {
    await using server = await serve({
      events: 400,
      faults: [100, 200, 300].map((after) => ({ after, do: 'drop' })),
    })
    const source = watched(server, { wire: 'v2', host: server.host })
    const events = await first(397, source.events$)
    expect(events.map(({ cursor }) => cursor)).toEqual(events.map((_, index) => 1_000 + index))
    expect(cursorsOf(server)).toEqual([undefined, 1_099, 1_198, 1_297])
    expect(source.metrics).toMatchObject({ duplicates: 3, gaps: 0 })
  })

  it('is the checkpoint after a restart, and that is before what was not done', async () => {
    const store = memoryCursorStore()
    await using server = await serve({ events: 100, stored: 'all' })
    const config = {
      wire: 'v2',
      host: server.host,
      checkpoint: { store, everyMs: 10 },
      cursor: 'oldest',
    } as const
    await first(60, watched(server, config).events$)
    const again = await first(41, watched(server, config).events$)
    expect(cursorsOf(server)[1]).toBe(1_059)
    expect(again[0]?.cursor).toBe(1_059)
  })
})

describe('positions that are handed out again, on wire v2', () => {
  it('a server that came back with fewer events skips none; a gap is reported', async () => {
    await using server = await serve({ events: 200 })
    const source = watched(server, { wire: 'v2', host: server.host })
    const seen = new Set<string>()
    const late = generated(80, {
      seed: 9,
      startUs:
        (generated(200, { operationsPerCommit: 3, sharedTime: true }).at(-1)?.time_us ?? 0) +
        1_000_000,
    })
    const last = late.at(-1)
    const done = until(
      source.events$.pipe(tap((event) => seen.add(`${event.did} ${event.time_us}`))),
      ({ did, time_us }) => did === last?.did && time_us === last.time_us,
    )
    await source.received(200)
    server.restart({ lose: 50 })
    server.emit(...late)
    await done
    for (const { did, time_us } of late) expect(seen).toContain(`${did} ${time_us}`)
    expect(source.gaps.map(({ reason }) => reason)).toEqual(['renumbered'])
    // The number that stands for another event now, then the time of the one that it stood for.
    const [, asked, byTime] = cursorsOf(server)
    expect(asked).toBe(1_199)
    expect(byTime).toBeGreaterThan(1e15)
  })
})

describe('a time in the newest part of the log, on wire v2', () => {
  it('is answered with more than was asked for, of which nothing is delivered', async () => {
    const startUs = (Date.now() - 60_000) * 1000
    const log = generated(100, { startUs, everyUs: 100_000 })
    await using server = await serve({ events: log, stored: 'all', unsealedEvents: 80 })
    const at = log[70]?.time_us ?? 0
    const source = watched(server, { wire: 'v2', host: server.host, cursor: at })
    expect(unnumbered(await first(30, source.events$))).toEqual(log.slice(70))
    expect(source.metrics).toMatchObject({ duplicates: 50, gaps: 0 })
  })
})

describe('another host', () => {
  it('is asked by the time of the last event less ten seconds, then by number', async () => {
    const startUs = (Date.now() - 120_000) * 1000
    const log = generated(200, { startUs, everyUs: 100_000 })
    const gone = { onConnect: 2, times: Number.POSITIVE_INFINITY, do: 'refuse' } as const
    await using one = await serve({
      events: log.slice(0, 100),
      faults: [{ after: 100, do: 'drop' }, gone],
    })
    await using two = await serve({
      events: log,
      stored: 'all',
      firstSeq: 900_000,
      faults: [{ after: 120, do: 'drop' }],
    })
    const source = watched(one, { wire: 'v2', host: [one.host, two.host] })
    const times = new Set<number>()
    await until(
      source.events$.pipe(tap(({ time_us }) => times.add(time_us))),
      ({ time_us }) => time_us === log.at(-1)?.time_us,
    )
    for (const { time_us } of log) expect(times).toContain(time_us)
    const [byTime, byNumber] = cursorsOf(two)
    expect(byTime).toBe((log[99]?.time_us ?? 0) - 10_000_000)
    expect(byNumber).toBeGreaterThan(900_000)
    expect(byNumber).toBeLessThan(900_200)
    expect(source.gaps).toEqual([])
  })
})
