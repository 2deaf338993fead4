import { tap } from 'rxjs'
import type { JetstreamEvent } from '../../src/index.js'
import { fakeJetstream, generateEvents } from '../../src/testing/index.js'
import { bodyOf, cursorsOf, first, generated, timesOf, until, watched } from './watched.js'

describe('a cursor that is tracked only if it was given', () => {
  it('the second dial carries the last event, though the first had no cursor', async () => {
    await using server = await fakeJetstream({ events: 300, faults: [{ after: 120, do: 'drop' }] })
    const { events$ } = watched(server)
    const events = await first(300, events$)
    expect(server.fired).toHaveLength(1)
    expect(cursorsOf(server)).toEqual([undefined, events[119]?.time_us])
    expect(events).toEqual(generated(300))
  })
})

describe('a cursor that is frozen in the URL', () => {
  it.each(['legacy', 'v2'] as const)(
    'three reconnects ask a %s server for growing cursors, and repeat one event each',
    async (kind) => {
      await using server = await fakeJetstream({
        events: 400,
        server: kind,
        faults: [100, 200, 300].map((after) => ({ after, do: 'drop' })),
      })
      const source = watched(server)
      const events = await first(400 - 3, source.events$)
      const cursors = cursorsOf(server)
      expect(cursors).toHaveLength(4)
      expect(cursors[0]).toBeUndefined()
      const [, ...asked] = cursors as readonly number[]
      expect([...asked].sort((a, b) => a - b)).toEqual(asked)
      expect(new Set(asked).size).toBe(3)
      expect(source.metrics).toMatchObject({ duplicates: 3, reconnects: 3 })
      expect(events.map(bodyOf)).toEqual(generatedOn(kind, 397))
      expect(source.gaps).toEqual([])
    },
  )

  const generatedOn = (kind: 'legacy' | 'v2', count: number) =>
    generated(count, kind === 'v2' ? { operationsPerCommit: 3, sharedTime: true } : {}).map(bodyOf)
})

describe('a stale reconnect signal', () => {
  it.each([
    ['close', { do: 'close', code: 1001 }],
    ['drop', { do: 'drop' }],
  ] as const)(
    'a server that ends (%s) with 1,000 events queued sees one reconnect, and nothing comes twice',
    async (_, fault) => {
      await using server = await fakeJetstream({
        events: 3000,
        faults: [{ after: 1000, ...fault }],
      })
      const source = watched(server)
      // Busy for longer than the server needs to send and to close.
      let busy = true
      const work = tap<JetstreamEvent>(() => {
        if (!busy) return
        busy = false
        const until = performance.now() + 200
        while (performance.now() < until);
      })
      const events = await first(3000, source.events$.pipe(work))
      expect(timesOf(events)).toEqual(timesOf(generated(3000)))
      expect(server.fired).toHaveLength(1)
      expect(server.attempts).toHaveLength(2)
      expect(source.metrics).toMatchObject({ reconnects: 1, duplicates: 1 })
    },
  )
})

describe('a cursor that a server takes for another', () => {
  const day = 86_400_000_000

  it('a sequence number for a legacy server is refused at once, not replayed', async () => {
    await using server = await fakeJetstream({ events: 500, stored: 'all' })
    const source = watched(server, { cursor: 24_664_288_884, onCursorRefused: 'fail' })
    const seen: unknown[] = []
    await expect(
      first(1, source.events$.pipe(tap((event) => seen.push(event)))),
    ).rejects.toMatchObject({ code: 'CURSOR_REFUSED' })
    expect(seen).toEqual([])
    expect(source.metrics.duplicates).toBe(1)
  })

  it('a cursor past the newest event replays everything: the first event shows it', async () => {
    const newest = 1_767_225_600_000_000
    const log = [...generateEvents({ count: 200, startUs: newest - day, everyUs: 1000 })]
    await using server = await fakeJetstream({ events: log, stored: 'all' })
    const source = watched(server, { cursor: newest, onCursorRefused: 'fail' })
    await expect(first(1, source.events$)).rejects.toMatchObject({ code: 'CURSOR_REFUSED' })
    // The cursor itself, then 10 s, a minute, 6 and 36 minutes before it.
    expect(cursorsOf(server).map((cursor) => (newest - (cursor ?? 0)) / 1_000_000)).toEqual([
      0, 10, 60, 360, 2160,
    ])
    expect(source.metrics).toMatchObject({ delivered: 0, gaps: 1 })
    expect(source.gaps).toMatchObject([{ reason: 'renumbered', to: newest }])
  })

  it('a host that lags is not taken for one that lost everything', async () => {
    const ahead = generated(1000, { everyUs: 100_000 })
    await using leader = await fakeJetstream({
      events: ahead.slice(0, 900),
      faults: [
        { after: 900, do: 'drop' },
        { onConnect: 2, times: Number.POSITIVE_INFINITY, do: 'refuse' },
      ],
    })
    await using follower = await fakeJetstream({ events: ahead.slice(0, 700), stored: 'all' })
    const source = watched(leader, { host: [leader.url, follower.url] })
    const events = until(source.events$, (event) => event.time_us === ahead[950]?.time_us)
    await follower.connected()
    await source.when(({ duplicates }) => duplicates > 0)
    follower.emit(...ahead.slice(700))
    const times = new Set(timesOf(await events))
    for (const event of ahead.slice(0, 951)) expect(times).toContain(event.time_us)
    expect(source.gaps).toEqual([])
  })

  it('a future sequence number on v2 starts live, silently: an event shows it', async () => {
    await using server = await fakeJetstream({ events: 100, server: 'v2' })
    const source = watched(server, { cursor: 25_000_000_000, onCursorRefused: 'oldest' })
    const events = await first(100, source.events$)
    expect(events).toHaveLength(100)
    expect(cursorsOf(server)).toEqual([25_000_000_000, 0])
    expect(source.gaps).toMatchObject([{ reason: 'renumbered', to: 25_000_000_000 }])
  })
})

describe('positions that are shared', () => {
  const startUs = 1_767_225_600_000_000
  /** Commits of these many operations each, which share a time. */
  const groups = (sizes: readonly number[]) =>
    sizes.flatMap((size, group) =>
      generated(size, { seed: group + 1, startUs: startUs + group * 1_000_000, repos: 1 }).map(
        (event, index) => ({
          ...event,
          time_us: startUs + group * 1_000_000,
          kind: 'commit' as const,
          commit: {
            rev: `3l${group}`,
            operation: 'delete' as const,
            collection: 'app.bsky.feed.like',
            rkey: `r${index}`,
          },
        }),
      ),
    )

  it.each([
    [[3, 1, 3], 2],
    [[1, 300, 1], 150],
    [[2, 300, 300, 1], 302],
    [[300, 17, 300], 1],
    [[10, 300, 10], 310],
  ])('groups of %p come once each, cut after %i events', async (sizes, after) => {
    const log = groups(sizes)
    await using server = await fakeJetstream({ events: log, faults: [{ after, do: 'drop' }] })
    const source = watched(server)
    const events = await first(log.length, source.events$)
    expect(events).toEqual(log)
    expect(server.fired).toHaveLength(1)
    expect(source.gaps).toEqual([])
  })

  it('a group that is cut again and again comes once', async () => {
    const log = groups([1, 120, 1])
    // Each connection begins with the group's first event, so that these fall deeper and deeper
    // into it.
    await using server = await fakeJetstream({
      events: log,
      faults: [20, 60, 120, 220].map((after) => ({ after, do: 'drop' })),
    })
    const source = watched(server)
    expect(await first(log.length, source.events$)).toEqual(log)
    expect(server.fired).toHaveLength(4)
  })
})

describe('positions that are handed out again', () => {
  it.each([
    // Its positions are times, and it gives none twice: nothing can be lost.
    ['legacy', []],
    ['v2', ['renumbered']],
  ] as const)(
    'a %s server that came back with fewer events skips nothing, and reports what may be lost: %p',
    async (kind, reasons) => {
      await using server = await fakeJetstream({
        events: 200,
        server: kind,
        generate: { everyUs: 1000 },
      })
      const source = watched(server)
      const seen = new Set<string>()
      const done = until(
        source.events$.pipe(tap((event) => seen.add(JSON.stringify(bodyOf(event))))),
        (event) => event.did === 'did:plc:last',
      )
      await source.when((metrics) => metrics.delivered === 200)
      const late = generated(60, {
        seed: 9,
        startUs: (generated(200).at(-1)?.time_us ?? 0) + 1_000_000,
      })
      const last = {
        ...late[0],
        did: 'did:plc:last',
        time_us: (late.at(-1)?.time_us ?? 0) + 5_000_000,
      } as (typeof late)[number]
      server.restart({ lose: 50 })
      server.emit(...late, last)
      await done
      for (const event of late) expect(seen).toContain(JSON.stringify(bodyOf(event)))
      expect(source.gaps.map(({ reason }) => reason)).toEqual(reasons)
    },
  )
})
