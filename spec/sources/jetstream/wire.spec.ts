import { encode } from '@atcute/cbor'
import { from, of, Subject } from 'rxjs'
import { recordChecker } from '../../../src/atproto/records.js'
import { ConfigError, ConnectError } from '../../../src/errors.js'
import {
  type JetstreamEvent,
  type JetstreamFilters,
  jetstream$,
  memoryCursorStore,
  type StreamMetrics,
  streamMetrics,
} from '../../../src/index.js'
import { logOf } from '../../../src/internal/log.js'
import { CursorProgress } from '../../../src/live/cursor-progress.js'
import { live } from '../../../src/live/live.js'
import { Compressions } from '../../../src/sources/jetstream/compression.js'
import { eager } from '../../../src/sources/jetstream/decoding.js'
import { WireNegotiation } from '../../../src/sources/jetstream/wire.js'
import {
  type FakeJetstream,
  fakeFirehose,
  fakeJetstream,
  generateEvents,
  marbles,
} from '../../../src/testing/index.js'
import { fromLive, quiet, runFor, Sessions } from '../../live/sessions.js'
import { wsServer } from '../../socket/servers.js'
import { first, generated, watched } from '../../traps/watched.js'

const decoding = eager(recordChecker())

const V2_PATH = '/xrpc/network.bsky.jetstream.subscribeEvents'

/** The wire of each attempt, and what came of it. */
const attemptsOf = (server: FakeJetstream) =>
  server.attempts.map(({ url, status }) => `${url.startsWith('/xrpc/') ? 'v2' : 'v1'} ${status}`)

/** Without the number that wire v1 has on v2 servers alone. */
const unnumbered = (events: readonly JetstreamEvent[]) =>
  events.map(({ cursor, ...event }) => event)

describe("`wire: 'auto'`", () => {
  it('speaks v2 where the server has it, with its subprotocol', async () => {
    await using server = await fakeJetstream({
      events: 50,
      server: 'v2',
      generate: { operationsPerCommit: 1, sharedTime: false },
    })
    const events = await first(50, watched(server, { wire: 'auto', host: server.host }).events$)
    expect(attemptsOf(server)).toEqual(['v2 101'])
    expect(server.attempts[0]?.headers['sec-websocket-protocol']).toBe('xrpc.v1.json')
    expect(unnumbered(events)).toEqual(generated(50))
    expect(events.map(({ cursor }) => cursor)).toEqual(
      events.map((_, index) => 24_000_000_000 + index),
    )
  })

  it('speaks v1 at once where the handshake shows no v2, and remembers it', async () => {
    await using server = await fakeJetstream({ events: 50, faults: [{ after: 20, do: 'drop' }] })
    const source = watched(server, { wire: 'auto', host: server.host })
    expect(await first(50, source.events$)).toEqual(generated(50))
    expect(attemptsOf(server)).toEqual(['v2 404', 'v1 101', 'v1 101'])
    // Waits are for failures, and this was none.
    const waits = source.snapshots.filter(({ connection }) => connection.state === 'waiting')
    expect(waits.every(({ frames }) => frames > 0)).toBe(true)
    const again = first(1, source.events$)
    await server.connected(3)
    server.emit(...generated(1, { seed: 2 }))
    await again
    expect(attemptsOf(server).slice(3)).toEqual(['v1 101'])
  })

  it.each([
    [['commit', 'sync'], 1],
    [['commit', 'identity'], 0],
  ] as const)(
    'warns once of a host without v2 where `kinds` are %j: %i lines',
    async (kinds, count) => {
      await using server = await fakeJetstream({
        events: generated(50).filter(({ kind }) => kind === 'commit'),
        faults: [{ after: 20, do: 'drop' }],
      })
      const lines: string[] = []
      const log = { warn: (line: string) => lines.push(line) }
      await first(30, watched(server, { wire: 'auto', host: server.host, kinds, log }).events$)
      expect(attemptsOf(server)).toEqual(['v2 404', 'v1 101', 'v1 101'])
      const line = 'speaks wire v1, which has no sync events: `kinds` asks for them'
      expect(lines).toEqual(Array(count).fill(`ws://${server.host}/ ${line}`))
    },
  )

  it('takes 501 for the same answer', async () => {
    const body = '{"error":"MethodNotImplemented","message":"method not implemented"}'
    await using server = await fakeJetstream({
      events: 5,
      faults: [{ onConnect: 1, do: 'refuse', status: 501, body }],
    })
    await first(5, watched(server, { wire: 'auto', host: server.host }).events$)
    expect(attemptsOf(server)).toEqual(['v2 501', 'v1 101'])
  })

  it.each([
    [404, []],
    [501, [{ onConnect: 1, do: 'refuse', status: 501, body: '{"error":"MethodNotImplemented"}' }]],
  ] as const)(
    'does not count a probe that met %i: it is no attempt, no reconnect and no wait',
    async (status, faults) => {
      await using server = await fakeJetstream({ events: 5, faults: [...faults] })
      const reconnect = { initialDelayMs: 60_000, jitter: 'none', maxAttempts: 0 } as const
      const source = watched(server, { wire: 'auto', host: server.host, reconnect })
      await first(5, source.events$)
      expect(attemptsOf(server)).toEqual([`v2 ${status}`, 'v1 101'])
      expect(new Set(source.snapshots.map(({ connection }) => connection.state))).toEqual(
        new Set(['idle', 'connecting', 'open', 'closed']),
      )
      expect(source.snapshots.filter(({ connection }) => connection.reason)).toEqual([])
      expect(
        source.snapshots.map(({ reconnects, currentBackoffMs }) => reconnects + currentBackoffMs),
      ).toEqual(source.snapshots.map(() => 0))
    },
  )

  it('counts what was lost, before a probe and after it', async () => {
    await using gone = await fakeJetstream({
      faults: [{ onConnect: 1, times: Number.POSITIVE_INFINITY, do: 'refuse', status: 503 }],
    })
    await using server = await fakeJetstream({ events: 50, faults: [{ after: 20, do: 'drop' }] })
    const source = watched(server, { wire: 'auto', host: [gone.host, server.host] })
    await first(50, source.events$)
    expect(attemptsOf(server)).toEqual(['v2 404', 'v1 101', 'v1 101'])
    const counts = source.snapshots.map(({ reconnects }) => reconnects)
    expect(counts.at(-1)).toBe(2)
    expect(counts).toEqual([...counts].sort())
  })

  it('does not take a server that starts for one without v2', async () => {
    await using server = await fakeJetstream({
      events: 5,
      server: 'v2',
      faults: [{ onConnect: 1, times: 2, do: 'refuse', status: 503 }],
    })
    await first(5, watched(server, { wire: 'auto', host: server.host }).events$)
    expect(attemptsOf(server)).toEqual(['v2 503', 'v2 503', 'v2 101'])
  })

  it('speaks v1 where the filters are too many for a URL, since every server has it', async () => {
    const dids = Array.from({ length: 10_000 }, (_, index) => `did:web:a${index}`)
    await using server = await fakeJetstream({ server: 'v2' })
    const events = first(1, watched(server, { wire: 'auto', host: server.host, dids }).events$)
    await server.when(() => server.connections[0]?.messages.length === 1)
    server.emit(...generated(1).map((event) => ({ ...event, did: 'did:web:a9999' })))
    expect(await events).toHaveLength(1)
    expect(attemptsOf(server)).toEqual(['v1 101'])
  })

  it('speaks v1 where a prefix is too short for v2', async () => {
    await using server = await fakeJetstream({ events: 50, server: 'v2' })
    await first(
      5,
      watched(server, { wire: 'auto', host: server.host, collections: ['app.*'] }).events$,
    )
    expect(attemptsOf(server)).toEqual(['v1 101'])
  })

  it('follows a URL that names the endpoint', async () => {
    await using server = await fakeJetstream({ events: 5, server: 'v2' })
    await first(5, watched(server, { wire: 'auto' }).events$)
    expect(attemptsOf(server)).toEqual(['v1 101'])
    await first(
      1,
      watched(server, { wire: 'auto', host: `ws://${server.host}${V2_PATH}`, cursor: 'oldest' })
        .events$,
    )
    expect(attemptsOf(server)).toEqual(['v1 101', 'v2 101'])
  })

  it.each(['v2', 'a URL'])(
    'does not change the wire that was asked for: %s of a legacy server is an error',
    async (how) => {
      await using server = await fakeJetstream({ events: 5 })
      const config =
        how === 'v2'
          ? ({ wire: 'v2', host: server.host } as const)
          : ({ wire: 'auto', host: `ws://${server.host}${V2_PATH}` } as const)
      await expect(first(1, watched(server, config).events$)).rejects.toMatchObject({
        code: 'WIRE',
        message: expect.stringContaining("`wire: 'v1'`"),
      })
      expect(attemptsOf(server)).toEqual(['v2 404'])
    },
  )
})

const manyDids = (count: number) =>
  Array.from({ length: count }, (_, index) => `did:plc:${String(index).padStart(24, 'a')}`)

const ofDid = (did: string, startUs = Date.now() * 1000) =>
  generated(1, { startUs }).map((event) => ({ ...event, did }))

describe('a filter that is too long for a URL', () => {
  it.each(['legacy', 'v2'] as const)(
    "is sent in a message on wire v1 at once under 'auto', to a %s server",
    async (kind) => {
      await using server = await fakeJetstream({ server: kind })
      const dids = manyDids(1500)
      const events = first(1, watched(server, { wire: 'auto', host: server.host, dids }).events$)
      await server.when(() => server.connections[0]?.messages.length === 1)
      server.emit(...ofDid(dids[1499] ?? ''))
      expect(await events).toHaveLength(1)
      expect(attemptsOf(server)).toEqual(['v1 101'])
    },
  )

  it.each([
    ['legacy', 414],
    ['v2', 414],
    ['v2', 431],
  ] as const)(
    "is sent on wire v1 under 'auto' after a proxy before a %s server answered %i, with no wait",
    async (kind, status) => {
      const body = `<html><title>${status} Request-URI Too Large</title></html>`
      const refuse = { onConnect: 1, times: 2, do: 'refuse', status, body } as const
      await using server = await fakeJetstream({ server: kind, faults: [refuse] })
      const [did = ''] = manyDids(1)
      const reconnect = { initialDelayMs: 60_000, jitter: 'none' } as const
      const config = { wire: 'auto', host: server.host, dids: [did], reconnect } as const
      const events = first(1, watched(server, config).events$)
      await server.when(() => server.connections[0]?.messages.length === 1)
      server.emit(...ofDid(did))
      expect(await events).toHaveLength(1)
      // The proxy refused the URL of wire v1 too, and takes the one without a filter.
      expect(attemptsOf(server)).toEqual([`v2 ${status}`, `v1 ${status}`, 'v1 101'])
      expect(server.attempts[2]?.url).toBe('/subscribe?requireHello=true')
    },
  )

  it("goes on, on wire v1, when it grows through `filters$` under 'auto'", async () => {
    await using server = await fakeJetstream({ server: 'v2' })
    const filters$ = new Subject<JetstreamFilters>()
    const dids = manyDids(12_000)
    const config = { wire: 'auto', host: server.host, dids: dids.slice(0, 10), filters$ } as const
    const source = watched(server, config)
    // As on another host, the last ten seconds come again.
    const events = first(3, source.events$)
    await server.connected()
    server.emit(...ofDid(dids[3] ?? ''))
    await source.received(1)
    filters$.next({ dids: dids.slice(0, 9_999) })
    await server.when(() => server.connections[1]?.messages.length === 1)
    server.emit(...ofDid(dids[9_998] ?? '', (Date.now() + 60_000) * 1000))
    expect((await events).map(({ did }) => did)).toEqual([dids[3], dids[3], dids[9_998]])
    expect(attemptsOf(server)).toEqual(['v2 101', 'v1 101'])
    expect(source.gaps).toEqual([])
  })

  it.each(['v2', 'a URL'])('ends %s with the remedy: that wire has no message', async (how) => {
    const refuse = { onConnect: 1, do: 'refuse', status: 414 } as const
    await using server = await fakeJetstream({ server: 'v2', faults: [refuse] })
    const host = how === 'v2' ? server.host : `ws://${server.host}${V2_PATH}`
    const source = watched(server, { wire: how === 'v2' ? 'v2' : 'auto', host })
    await expect(first(1, source.events$)).rejects.toMatchObject({
      code: 'REFUSED',
      status: 414,
      message: expect.stringContaining("set `wire: 'v1'`"),
    })
  })
})

describe('a server that sends an event stream in CBOR', () => {
  it.each(['v1', 'v2'] as const)(
    'ends the stream on wire %s, and its reader is named',
    async (wire) => {
      await using firehose = await fakeFirehose({ events: 3, stored: 'all' })
      await using server = await wsServer((ws) => {
        for (const frame of firehose.frames) ws.send(frame)
      })
      for (const decode of ['eager', 'lazy'] as const) {
        const source = watched(server, { wire, decode })
        await expect(first(1, source.events$)).rejects.toMatchObject({
          code: 'WIRE',
          message: expect.stringContaining('`firehose$`'),
        })
        expect(source.rejects).toEqual([])
        expect(source.metrics).toMatchObject({
          frames: 1,
          control: 1,
          connection: { state: 'closed', reason: { code: 'WIRE' } },
        })
      }
    },
  )

  it.each(['#commit', undefined])('is known by its header, be it of %p', async (t) => {
    const header = encode(t === undefined ? { op: -1 } : { op: 1, t })
    await using server = await wsServer((ws) => ws.send(header))
    await expect(first(1, watched(server).events$)).rejects.toMatchObject({ code: 'WIRE' })
  })

  it('is no Jetstream that sends another binary frame, which is a reject', async () => {
    const frames = [
      Uint8Array.of(),
      Uint8Array.of(0xa2),
      Uint8Array.of(0xa1, 0x62, 0x61),
      Uint8Array.of(0xa0, 0x61, 0x74),
    ]
    const faults = frames.map((frame, index) => ({ after: index, do: 'garbage', frame }) as const)
    await using server = await fakeJetstream({ events: 20, faults })
    const source = watched(server)
    expect(await first(20, source.events$)).toEqual(generated(20))
    expect(source.rejects.map(({ frame }) => frame)).toEqual(frames)
  })
})

describe('a list of hosts that speak different wires', () => {
  const gone = { onConnect: 2, times: Number.POSITIVE_INFINITY, do: 'refuse' } as const

  it('stays with v2 when a legacy server follows, and names the remedy', async () => {
    await using two = await fakeJetstream({
      events: 40,
      server: 'v2',
      faults: [
        { after: 20, do: 'drop' },
        { ...gone, times: 2 },
      ],
    })
    await using one = await fakeJetstream({ events: 20 })
    const lines: string[] = []
    const log = { warn: (line: string) => lines.push(line) }
    const source = watched(two, { wire: 'auto', host: [two.host, one.host], log })
    expect(await first(40, source.events$)).toHaveLength(40)
    expect(attemptsOf(one)).toEqual(['v2 404', 'v2 404'])
    expect(lines).toEqual([expect.stringContaining("`wire: 'v1'`")])
  })

  it('stays with a legacy server when one with v2 follows, and names the remedy', async () => {
    await using one = await fakeJetstream({
      events: 40,
      faults: [
        { after: 20, do: 'drop' },
        { ...gone, onConnect: 3, times: 2 },
      ],
    })
    await using two = await fakeJetstream({ events: 20, server: 'v2' })
    const lines: string[] = []
    const log = { warn: (line: string) => lines.push(line) }
    const source = watched(one, { wire: 'auto', host: [one.host, two.host], log })
    expect(await first(40, source.events$)).toHaveLength(40)
    expect(attemptsOf(two)).toEqual(['v2 101', 'v2 101'])
    expect(lines).toEqual([expect.stringContaining("`wire: 'v1'`")])
  })

  it('ends when no host of the list has the wire that was asked for', async () => {
    await using one = await fakeJetstream({ events: 1 })
    await using two = await fakeJetstream({ events: 1 })
    const source = watched(one, { wire: 'v2', host: [one.host, two.host], log: false })
    await expect(first(1, source.events$)).rejects.toMatchObject({
      code: 'WIRE',
      message: expect.stringContaining("`wire: 'v1'`"),
    })
    expect([...attemptsOf(one), ...attemptsOf(two)]).toEqual(['v2 404', 'v2 404'])
  })

  it('is refused at the call where its URLs name both', () => {
    const host = ['ws://a.example/subscribe', `ws://b.example${V2_PATH}`]
    expect(() => jetstream$({ host })).toThrow(ConfigError)
    expect(() => jetstream$({ host: host[0], wire: 'v2' })).toThrow(ConfigError)
  })

  it('has the wire that one of its URLs names', async () => {
    await using one = await fakeJetstream({
      events: 20,
      server: 'v2',
      faults: [{ after: 20, do: 'drop' }, gone],
    })
    await using two = await fakeJetstream({ events: generateEvents({ count: 40 }), server: 'v2' })
    const source = watched(one, { wire: 'auto', host: [one.url, two.host] })
    await first(21, source.events$)
    expect(attemptsOf(two)).toEqual(['v1 101'])
  })

  it("is read with `wire: 'v1'`, which both speak", async () => {
    await using one = await fakeJetstream({ events: 20, faults: [{ after: 20, do: 'drop' }, gone] })
    await using two = await fakeJetstream({ events: generateEvents({ count: 40 }), server: 'v2' })
    const source = watched(one, { wire: 'v1', host: [one.host, two.host] })
    expect(unnumbered(await first(40, source.events$))).toEqual(generated(40))
    expect(source.metrics).toMatchObject({ duplicates: 20 })
  })
})

describe('a position', () => {
  const startUs = (Date.now() - 60_000) * 1000
  const log = generated(100, { startUs, everyUs: 300_000 })

  it('of wire v1 is never sent to v2, but the time of its event, less ten seconds', async () => {
    const store = memoryCursorStore()
    const one = await fakeJetstream({ events: log.slice(0, 60), stored: 'all' })
    const { port } = one
    const config = { wire: 'auto', host: one.host, checkpoint: store, cursor: 'oldest' } as const
    await first(60, watched(one, config).events$)
    await one.close()
    await using two = await fakeJetstream({ events: log, stored: 'all', server: 'v2', port })
    const again = watched(two, config)
    const last = log[59]?.time_us ?? 0
    const since = last - 10_000_000
    const wanted = log.filter(({ time_us }) => time_us >= since)
    expect(unnumbered(await first(wanted.length, again.events$))).toEqual(wanted)
    expect(two.attempts.map(({ cursor }) => Number(cursor))).toEqual([since])
    expect(again.gaps).toEqual([])
  })

  it('that is a number is never sent to another host of wire v2', async () => {
    await using near = await fakeJetstream({
      events: log.slice(0, 60),
      server: 'v2',
      firstSeq: 500,
      faults: [
        { after: 60, do: 'drop' },
        { onConnect: 2, times: Number.POSITIVE_INFINITY, do: 'refuse' },
      ],
    })
    await using far = await fakeJetstream({
      events: log,
      stored: 'all',
      server: 'v2',
      firstSeq: 70_000,
    })
    const source = watched(near, { wire: 'auto', host: [near.host, far.host] })
    const since = (log[59]?.time_us ?? 0) - 10_000_000
    const events = await first(100, source.events$)
    expect(Number(far.attempts[0]?.cursor)).toBe(since)
    expect(unnumbered(events)).toEqual(log)
    expect(source.gaps).toEqual([])
  })
})

describe('a handshake that fails without a word, as in a browser', () => {
  const opaque = new ConnectError('the browser does not say why')
  const started = (
    helpers: Parameters<typeof runFor>[0],
    diagrams: readonly string[],
    hosts: readonly [string, ...string[]] = ['ws://a/'],
    filters: JetstreamFilters = {},
  ) => {
    const wires = new WireNegotiation(
      'auto',
      new Compressions(false, undefined),
      { maxFrameBytes: 1000, decoding },
      logOf(false),
    )
    const sessions = new Sessions(helpers, diagrams, { errors: [opaque] })
    const protocol = (host: string) => {
      const made = wires.protocol(host, filters)
      return made instanceof Promise ? from(made) : of(made)
    }
    const metrics$ = streamMetrics()
    const snapshots: StreamMetrics[] = []
    metrics$.subscribe((snapshot) => snapshots.push(snapshot))
    const options = { ...quiet, hosts, metrics$ }
    const progress: Parameters<typeof live<JetstreamEvent>>[0]['progress'] = (gaps, context) =>
      new CursorProgress(fromLive, gaps, context)
    return {
      sessions,
      snapshots,
      events$: live<JetstreamEvent>({ options, protocol, progress, dial: sessions.dial }),
    }
  }
  const wiresOf = (sessions: Sessions) =>
    sessions.urls.map((url) => (url.includes('/xrpc/') ? 'v2' : 'v1'))

  it(
    'is tried on the other wire at once, and then on both in turn, with the usual delays',
    marbles((helpers) => {
      const { sessions, events$ } = started(helpers, ['#'])
      runFor(helpers, 10_000, events$)
      expect(wiresOf(sessions)).toEqual(['v2', 'v1', 'v2', 'v1', 'v2'])
      expect(sessions.waits).toEqual([0, 1000, 2000, 4000])
    }),
  )

  it(
    'counts for nothing where the other wire opens',
    marbles((helpers) => {
      const { sessions, events$, snapshots } = started(helpers, ['#', 'o'])
      runFor(helpers, 10_000, events$)
      expect(wiresOf(sessions)).toEqual(['v2', 'v1'])
      expect(new Set(snapshots.map(({ connection }) => connection.state))).toEqual(
        new Set(['idle', 'connecting', 'open', 'closed']),
      )
      expect(snapshots.at(-1)?.reconnects).toBe(0)
    }),
  )

  it(
    'stays on the one wire that a URL names, or that has the filters',
    marbles((helpers) => {
      const named = started(helpers, ['#'], [`ws://a${V2_PATH}`])
      runFor(helpers, 10_000, named.events$)
      expect(wiresOf(named.sessions)).toEqual(['v2', 'v2', 'v2', 'v2'])
      expect(named.sessions.waits).toEqual([1000, 2000, 4000])
      const short = started(helpers, ['#'], ['ws://a/'], { collections: ['app.*'] })
      expect(runFor(helpers, 10_000, short.events$).error).toBeUndefined()
      expect(wiresOf(short.sessions)).toEqual(['v1', 'v1', 'v1', 'v1'])
    }),
  )

  it(
    'does not change a wire that was ever open, and takes another host to speak it too',
    marbles((helpers) => {
      const { sessions, events$ } = started(
        helpers,
        ['#', '#', '#', 'o#', '#'],
        ['ws://a/', 'ws://b/'],
      )
      runFor(helpers, 200_000, events$)
      const dials = sessions.urls.map(
        (url) => `${new URL(url).host} ${url.includes('/xrpc/') ? 'v2' : 'v1'}`,
      )
      expect(dials.slice(0, 8)).toEqual([
        'a v2',
        'a v1',
        'b v2',
        'b v1',
        'a v2',
        'b v1',
        'a v1',
        'b v1',
      ])
    }),
  )
})
