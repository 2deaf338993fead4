import { type FakeJetstreamOptions, fakeJetstream } from '../../../src/testing/index.js'
import { first, generated, until, watched } from '../../traps/watched.js'

const startUs = (Date.now() - 3_600_000) * 1000
const LOG = generated(100, { startUs, everyUs: 1_000_000 })
const unnumbered = (events: readonly { cursor?: number }[]) =>
  events.map(({ cursor, ...event }) => event)

/** A v2 server that begins at 1,000 and holds the last ten of a hundred events. */
const serve = (options: FakeJetstreamOptions = {}) =>
  fakeJetstream({
    server: 'v2',
    firstSeq: 1_000,
    events: LOG,
    stored: 'all',
    retainEvents: 10,
    ...options,
  })

describe('a number that a v2 server no longer has', () => {
  const read = (
    server: Awaited<ReturnType<typeof serve>>,
    onCursorRefused: 'fail' | 'oldest' | 'live',
  ) => watched(server, { wire: 'v2', host: server.host, cursor: 1_020, onCursorRefused })
  const gap = { from: 1_020, to: 1_090, reason: 'cursor-too-old', recoverable: false }

  it("ends the stream under 'fail', with what the server said, and the gap", async () => {
    await using server = await serve()
    const source = read(server, 'fail')
    const message = expect.stringMatching(
      /CursorTooOld.*cursor 1020 below lookback floor 1090.*`onCursorRefused: 'oldest' \| 'live'`/,
    )
    await expect(first(1, source.events$)).rejects.toMatchObject({
      code: 'CURSOR_REFUSED',
      message,
    })
    expect(source.gaps).toMatchObject([gap])
    expect(server.attempts).toHaveLength(1)
  })

  it("is followed by the oldest event under 'oldest', at once, with a single gap", async () => {
    await using server = await serve()
    const source = read(server, 'oldest')
    expect(unnumbered(await first(10, source.events$))).toEqual(LOG.slice(90))
    expect(server.attempts.map(({ cursor, status }) => [cursor, status])).toEqual([
      ['1020', 400],
      ['1000000000000000', 101],
    ])
    expect(source.gaps).toMatchObject([gap])
    expect(source.snapshots.some(({ connection }) => connection.state === 'waiting')).toBe(false)
  })

  it("is followed by what happens from now on under 'live', with the gap", async () => {
    await using server = await serve()
    const source = read(server, 'live')
    const events = first(1, source.events$)
    await server.connected()
    server.emit(...generated(1, { seed: 2 }))
    expect(unnumbered(await events)).toEqual(generated(1, { seed: 2 }))
    expect(server.attempts.map(({ cursor }) => cursor)).toEqual(['1020', undefined])
    // What lies between the oldest event and the live end is lost, too.
    expect(source.gaps).toMatchObject([{ ...gap, to: undefined }])
  })

  it('is met in the same way after a cut', async () => {
    await using server = await serve({
      stored: 0,
      faults: [
        { after: 5, do: 'drop' },
        { onConnect: 2, do: 'refuse', status: 503 },
      ],
    })
    const source = watched(server, { wire: 'v2', host: server.host })
    // While we are away the log goes on, and what we had is gone.
    const late = generated(200, { seed: 4, startUs: startUs + 300_000_000 })
    const last = late.at(-1)
    const done = until(
      source.events$,
      ({ did, time_us }) => did === last?.did && time_us === last.time_us,
    )
    await server.closed()
    server.emit(...late)
    const events = await done
    expect(events.slice(0, 5).map(({ cursor }) => cursor)).toEqual([
      1_000, 1_001, 1_002, 1_003, 1_004,
    ])
    expect(events[5]?.cursor).toBeGreaterThan(1_004)
    expect(source.gaps).toMatchObject([{ from: 1_004, reason: 'cursor-too-old' }])
  })
})

describe('a time that a v2 server no longer has', () => {
  it('opens one gap, since the server says that it begins later', async () => {
    await using server = await serve()
    const source = watched(server, {
      wire: 'v2',
      host: server.host,
      cursor: new Date(startUs / 1000),
    })
    expect(unnumbered(await first(10, source.events$))).toEqual(LOG.slice(90))
    expect(source.gaps).toMatchObject([
      { from: Math.floor(startUs / 1000) * 1000, reason: 'cursor-too-old', recoverable: false },
    ])
    expect(source.metrics).toMatchObject({ control: 1, gaps: 1 })
  })

  it('is no gap where all there is was asked for', async () => {
    await using server = await serve()
    const source = watched(server, { wire: 'v2', host: server.host, cursor: 'oldest' })
    await first(10, source.events$)
    expect(source.gaps).toEqual([])
    expect(source.metrics.control).toBe(1)
  })
})

describe.each([false, true])(
  'a position of the future on wire v2, where the server tells it: %p',
  (tellsFutureCursors) => {
    it('a number of the config is followed by the oldest event, with a gap', async () => {
      await using server = await serve({ tellsFutureCursors, stored: 90, retainEvents: 1000 })
      const source = watched(server, { wire: 'v2', host: server.host, cursor: 5_000 })
      expect(unnumbered(await first(100, source.events$))).toEqual(LOG)
      expect(source.gaps).toMatchObject([{ to: 5_000 }])
    })

    it("ends the stream under 'fail'", async () => {
      await using server = await serve({ tellsFutureCursors, stored: 90, retainEvents: 1000 })
      const source = watched(server, {
        wire: 'v2',
        host: server.host,
        cursor: 5_000,
        onCursorRefused: 'fail',
      })
      await expect(first(1, source.events$)).rejects.toMatchObject({ code: 'CURSOR_REFUSED' })
    })

    it('a log that went back is resumed by time, and nothing of it is skipped', async () => {
      await using server = await serve({ tellsFutureCursors, retainEvents: 1000, stored: 0 })
      const source = watched(server, { wire: 'v2', host: server.host })
      const seen = new Set<string>()
      const late = generated(20, { seed: 8, startUs: (LOG.at(-1)?.time_us ?? 0) + 1_000_000 })
      const last = late.at(-1)
      const done = until(source.events$, (event) => {
        seen.add(event.did + event.time_us)
        return event.did === last?.did && event.time_us === last.time_us
      })
      await source.received(100)
      server.restart({ lose: 40 })
      server.emit(...late.slice(0, -1))
      // A server that tells nothing is found out by the next event.
      await server.connected(2)
      server.emit(...late.slice(-1))
      await done
      for (const event of late) expect(seen).toContain(event.did + event.time_us)
      expect(source.gaps.map(({ reason }) => reason)).toEqual(['renumbered'])
    })

    it('a time is no gap: the server has nothing later yet', async () => {
      // Cut before anything came: the second dial asks for what came since the first.
      await using server = await serve({
        tellsFutureCursors,
        faults: [{ onConnect: 1, do: 'accept-and-drop' }],
      })
      const source = watched(server, { wire: 'v2', host: server.host })
      const now = generated(3, { seed: 5, startUs: Date.now() * 1000 })
      const events = first(3, source.events$)
      await server.connected(2)
      server.emit(...now)
      expect(unnumbered(await events)).toEqual(now)
      expect(Number(server.attempts[1]?.cursor)).toBeGreaterThan(startUs)
      expect(source.gaps).toEqual([])
    })
  },
)
