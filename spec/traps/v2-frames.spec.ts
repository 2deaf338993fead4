import { Buffer } from 'node:buffer'
import { init } from '@bokuweb/zstd-wasm'
import {
  type FakeJetstreamOptions,
  fakeJetstream,
  type JetstreamFault,
} from '../../src/testing/index.js'
import { bomb, dictionaryOf, ONE } from '../zstd/frames.js'
import { first, generated, watched } from './watched.js'

const EVENTS = generated(200)
const unnumbered = (events: readonly { cursor?: number }[]) =>
  events.map(({ cursor, ...event }) => event)
const serve = (options: FakeJetstreamOptions = {}) =>
  fakeJetstream({ server: 'v2', firstSeq: 1_000, events: EVENTS, ...options })
const V2 = 'network.bsky.jetstream.subscribeEvents'

describe('a poison message, on wire v2', () => {
  const message = (kind: string, members: object) =>
    JSON.stringify({ $type: 'message', payload: { $type: `${V2}#${kind}`, ...members } })
  const commit = {
    did: 'did:plc:a',
    rev: '3l',
    operation: 'create',
    collection: 'a.b.c',
    rkey: 'k',
    time: '2026-01-01T00:00:00.000001Z',
  }

  it.each([
    ['broken JSON', '{"$type":"message","payload":{'],
    ['a create without its record', message('commit', { ...commit, seq: 1_000 })],
    [
      'a number that no JavaScript keeps',
      message('identity', { did: 'x', seq: 0, time: '', identity: {} }).replace(
        '"seq":0',
        '"seq":9007199254740993',
      ),
    ],
    ['bytes', new Uint8Array([1, 2, 3])],
    ['text that is not UTF-8', { frame: new Uint8Array([0x22, 0xff, 0x22]), as: 'text' } as const],
  ])('is a reject, and the connection goes on: %s', async (_, bad) => {
    const frame = typeof bad === 'object' && 'as' in bad ? bad : { frame: bad }
    await using server = await serve({ faults: [{ after: 1, do: 'garbage', ...frame }] })
    const source = watched(server, { wire: 'v2', host: server.host })
    expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
    expect(source.metrics).toMatchObject({ rejected: 1, gaps: 0 })
    expect(source.rejects).toHaveLength(1)
    expect(server.connections).toHaveLength(1)
  })
})

describe('control frames, on wire v2', () => {
  it.each([
    ['a notice', `{"$type":"message","payload":{"$type":"${V2}#info","name":"SomeLaterNotice"}}`],
    [
      'an unknown payload without a place',
      `{"$type":"message","payload":{"$type":"${V2}#novelty","a":1}}`,
    ],
    ['an unknown envelope', '{"$type":"later"}'],
  ])('%s is counted, and nothing else', async (_, frame) => {
    await using server = await serve({ faults: [{ after: 50, do: 'garbage', frame, times: 3 }] })
    const source = watched(server, { wire: 'v2', host: server.host })
    expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
    expect(source.metrics).toMatchObject({ control: 3, rejected: 0, gaps: 0, reconnects: 0 })
  })

  it('an unknown kind with a place is an event, and moves the cursor', async () => {
    const frame =
      `{"$type":"message","payload":{"$type":"${V2}#novelty","did":"did:plc:a",` +
      '"novelty":{},' +
      '"seq":1050,"time":"2026-01-01T00:00:01.000000Z"}}'
    await using server = await serve({ events: [...EVENTS.slice(0, 50), frame] })
    const source = watched(server, { wire: 'v2', host: server.host })
    const events = await first(51, source.events$)
    expect(events[50]).toEqual({
      did: 'did:plc:a',
      time_us: 1_767_225_601_000_000,
      cursor: 1050,
      kind: 'novelty',
      novelty: {},
    })
    expect(source.metrics.cursor).toBe(1050)
  })

  it.each(['ConsumerTooSlow', 'InternalError'])(
    'after the error frame %s the server is dialled again at once, and nothing is lost',
    async (error) => {
      await using server = await serve({
        faults: [
          { after: 60, do: 'error', error, message: 'reconnect with cursor=1060' },
          { after: 120, do: 'error', error },
        ],
      })
      const source = watched(server, {
        wire: 'v2',
        host: server.host,
        reconnect: { initialDelayMs: 30_000, jitter: 'none' },
      })
      // Two are sent again, one after each cut.
      expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
      expect(source.metrics).toMatchObject({ control: 2, reconnects: 2, duplicates: 2, gaps: 0 })
      expect(server.attempts.map(({ cursor }) => cursor)).toEqual([undefined, '1059', '1118'])
      expect(Math.max(...source.snapshots.map(({ currentBackoffMs }) => currentBackoffMs))).toBe(0)
    },
  )

  it('a server that does nothing but say so is left alone more and more', async () => {
    const faults: readonly JetstreamFault[] = [
      { after: 0, do: 'error', error: 'InternalError', times: 4 },
    ]
    await using server = await serve({ stored: 'all', faults })
    const source = watched(server, { wire: 'v2', host: server.host, cursor: 'oldest' })
    await first(200, source.events$)
    const waits = source.snapshots
      .filter(({ connection }) => connection.state === 'waiting')
      .map(({ currentBackoffMs }) => currentBackoffMs)
    expect([...new Set(waits)].filter((ms) => ms > 0)).toEqual([10, 20, 40])
  })
})

describe('a frame above `maxFrameBytes`', () => {
  const large = (text: string, index: number) => {
    const { time_us, did } = EVENTS[index] as (typeof EVENTS)[number]
    const commit = {
      rev: '3l',
      operation: 'create',
      collection: 'a.b.c',
      rkey: `r${index}`,
      record: { text },
      cid: 'c',
    } as const
    return { did, time_us: time_us + 1, kind: 'commit', commit } as const
  }

  it('is one gap, and the server is asked for large frames again after it', async () => {
    const [first_, second] = [large('x'.repeat(30_000), 79), large('x'.repeat(30_000), 149)]
    await using server = await serve({
      events: [
        ...EVENTS.slice(0, 80),
        first_,
        ...EVENTS.slice(80, 150),
        second,
        ...EVENTS.slice(150),
      ],
    })
    const source = watched(server, { wire: 'v2', host: server.host, maxFrameBytes: 20_000 })
    expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
    expect(source.gaps).toMatchObject([
      { from: 1_079, reason: 'frame-too-large', recoverable: true },
      { from: 1_150, reason: 'frame-too-large', recoverable: true },
    ])
    expect(server.attempts.map(({ params }) => params.get('maxMessageSizeBytes'))).toEqual([
      null,
      '20000',
      null,
      '20000',
      null,
    ])
  })
})

describe('`maxMessageSizeBytes` on wire v2', () => {
  it('leaves longer frames out, plain and compressed, and opens no gap', async () => {
    const size = (event: (typeof EVENTS)[number], index: number) => {
      const wrapped = {
        $type: 'message',
        payload: {
          $type: `${V2}#${event.kind}`,
          ...('commit' in event ? event.commit : { [event.kind]: Reflect.get(event, event.kind) }),
          did: event.did,
          seq: 1_000 + index,
          time: '2026-01-01T00:00:00.000000Z',
        },
      }
      return Buffer.byteLength(JSON.stringify(wrapped).replace(/[<>&]/g, '\\u0000'))
    }
    const wanted = EVENTS.filter((event, index) => size(event, index) <= 600)
    expect(wanted.length).toBeLessThan(190)
    for (const compress of [false, true]) {
      await using server = await serve({ dictionary: dictionaryOf(ONE) })
      const source = watched(server, {
        wire: 'v2',
        host: server.host,
        maxMessageSizeBytes: 600,
        compress,
      })
      expect(unnumbered(await first(wanted.length, source.events$))).toEqual(wanted)
      expect(source.gaps).toEqual([])
    }
  })
})

describe('a decoder that a second `init()` breaks, and that trusts the size in a frame', () => {
  it('streams go on whatever others do with the package; a bomb is refused', async () => {
    await init()
    const frame = Buffer.from(bomb(ONE, 600 * 2 ** 20))
    await using server = await serve({
      dictionary: dictionaryOf(ONE),
      faults: [{ after: 100, do: 'garbage', frame }],
    })
    const source = watched(server, { wire: 'v2', host: server.host, compress: true })
    const again = source.when(({ delivered }) => delivered > 0).then(() => init())
    const before = process.memoryUsage().rss
    expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
    await again
    expect(source.metrics).toMatchObject({ rejected: 1, compression: { name: 'zstd' } })
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20)
    const later = await first(
      200,
      watched(server, { wire: 'v2', host: server.host, compress: true, cursor: 'oldest' }).events$,
    )
    expect(unnumbered(later)).toEqual(EVENTS)
  })

  it('frames under 256 bytes say no size, and are read', async () => {
    const small = EVENTS.filter(
      (event) => event.kind === 'commit' && event.commit.operation === 'delete',
    )
    await using server = await serve({ events: small, dictionary: dictionaryOf(ONE) })
    const source = watched(server, { compress: true, zstdDictionary: dictionaryOf(ONE) })
    expect(unnumbered(await first(small.length, source.events$))).toEqual(small)
    expect(source.metrics.bytes).toBeLessThan(small.length * 256)
  })
})

describe('permessage-deflate beside zstd', () => {
  it.each(['v1', 'v2'] as const)(
    'is never offered on wire %s, so that the server takes the connection',
    async (wire) => {
      await using server = await serve({ dictionary: dictionaryOf(ONE) })
      for (const compress of [true, false]) {
        await first(
          1,
          watched(server, {
            wire,
            host: server.host,
            compress,
            zstdDictionary: dictionaryOf(ONE),
            cursor: 'oldest',
          }).events$,
        )
      }
      expect(server.attempts.map(({ status }) => status)).toEqual([101, 101])
      for (const { headers } of server.attempts)
        expect(headers['sec-websocket-extensions']).toBeUndefined()
    },
  )
})

describe('a subprotocol that the server does not select', () => {
  it('is never offered on wire v1, and on wire v2 it is the one that the server has', async () => {
    await using server = await serve()
    await first(1, watched(server).events$)
    await first(1, watched(server, { wire: 'v2', host: server.host, cursor: 'oldest' }).events$)
    expect(
      server.attempts.map(({ headers, status }) => [headers['sec-websocket-protocol'], status]),
    ).toEqual([
      [undefined, 101],
      ['xrpc.v1.json', 101],
    ])
  })
})
