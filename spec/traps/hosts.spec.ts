import { fakeJetstream } from '../../src/testing/index.js'
import { first, generated, watched } from './watched.js'

const WIRES = ['v1', 'v2', 'auto'] as const
const STATUSES = [404, 403, 301, 200] as const

/** A refusal of so many dials, from this one on. */
const refusing = (onConnect: number, status: number, times = 1) =>
  ({ onConnect, times, do: 'refuse', status }) as const

describe('a host that accepts, sends one event and hangs up', () => {
  it('is left alone more and more, and loses nothing', async () => {
    // The first event repeats the one before it.
    await using server = await fakeJetstream({
      events: 14,
      faults: [{ after: 2, times: 10, do: 'drop' }],
    })
    const lines: string[] = []
    const source = watched(server, { log: { warn: (line) => lines.push(line) } })
    expect(await first(14, source.events$)).toEqual(generated(14))
    expect(server.fired).toHaveLength(10)
    const delays = source.snapshots.map(({ currentBackoffMs }) => currentBackoffMs)
    expect(Math.max(...delays)).toBeGreaterThanOrEqual(40)
    expect(lines).toEqual([expect.stringContaining('ended 8 connections in a row')])
  })
})

describe('a host that is open and brings nothing', () => {
  it('makes way for the next one, though it answers pings', async () => {
    await using silent = await fakeJetstream({ events: 5, faults: [{ after: 0, do: 'stall' }] })
    // What came since the first connection opened is asked for, by time.
    const generate = { startUs: (Date.now() + 1000) * 1000 }
    await using server = await fakeJetstream({ events: 5, generate })
    const lines: string[] = []
    const source = watched(silent, {
      host: [silent.url, server.url],
      silentTimeoutMs: 500,
      idleTimeoutMs: 60_000,
      log: { warn: (line) => lines.push(line) },
    })
    expect(await first(5, source.events$)).toHaveLength(5)
    expect(silent.fired).toHaveLength(1)
    expect(lines).toEqual([expect.stringContaining('`silentTimeoutMs`')])
    expect(source.snapshots.map(({ connection }) => connection)).toContainEqual(
      expect.objectContaining({
        state: 'waiting',
        reason: expect.objectContaining({ code: 'SILENT' }),
      }),
    )
  })
})

describe("one host's answer that is taken for the list's", () => {
  it.each(WIRES.flatMap((wire) => STATUSES.map((status) => [wire, status] as const)))(
    'on wire %s, %i of the first host: the second one is read',
    async (wire, status) => {
      // Under 'auto' the first 404 is the answer to a probe.
      const faults = [refusing(1, status, wire === 'auto' && status === 404 ? 2 : 1)]
      await using away = await fakeJetstream({ server: 'v2', faults })
      await using server = await fakeJetstream({ events: 5, server: 'v2' })
      const source = watched(away, { wire, host: [away.host, server.host], log: false })
      expect(await first(5, source.events$)).toHaveLength(5)
      expect(away.fired).toHaveLength(faults[0]?.times ?? 0)
    },
  )

  it.each(WIRES.flatMap((wire) => STATUSES.map((status) => [wire, status] as const)))(
    'on wire %s, %i of a host that has worked: it is dialled again, and nothing is lost',
    async (wire, status) => {
      await using server = await fakeJetstream({
        events: 40,
        server: 'v2',
        generate: { operationsPerCommit: 1, sharedTime: false },
        faults: [{ after: 20, do: 'drop' }, refusing(2, status, 3)],
      })
      const source = watched(server, { wire, host: server.host })
      const events = await first(40, source.events$)
      expect(events.map(({ did }) => did)).toEqual(generated(40).map(({ did }) => did))
      expect(server.fired).toHaveLength(4)
      expect(source.snapshots.map(({ connection }) => connection)).toContainEqual(
        expect.objectContaining({ state: 'waiting', reason: expect.objectContaining({ status }) }),
      )
    },
  )

  it('a host that never worked ends the stream, where it is the only one', async () => {
    await using server = await fakeJetstream({ server: 'v2', faults: [refusing(1, 403)] })
    const source = watched(server, { wire: 'v2', host: server.host })
    await expect(first(1, source.events$)).rejects.toMatchObject({ code: 'REFUSED', status: 403 })
  })
})

describe('a failover that brings the last seconds twice', () => {
  it.each([
    ['v1', 'legacy'],
    ['v1', 'v2'],
    ['v2', 'v2'],
  ] as const)('is none on wire %s of %s servers: each event comes once', async (wire, server) => {
    const startUs = (Date.now() - 120_000) * 1000
    const log = generated(300, { startUs, everyUs: 100_000 })
    const gone = refusing(2, 503, Number.POSITIVE_INFINITY)
    const faults = [{ after: 200, do: 'drop' }, gone] as const
    await using one = await fakeJetstream({ events: log.slice(0, 200), server, faults })
    await using two = await fakeJetstream({ events: log, stored: 'all', server, firstSeq: 900_000 })
    const source = watched(one, { wire, host: [one.host, two.host] })
    const events = await first(300, source.events$)
    expect(events.map(({ cursor, ...event }) => event)).toEqual(log)
    // The server sent ten seconds of them again, less those that it does not see as later.
    expect(source.metrics.duplicates).toBeGreaterThan(50)
    expect(source.gaps).toEqual([])
  })
})
