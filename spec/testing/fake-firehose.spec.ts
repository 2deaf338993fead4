import { once } from 'node:events'
import { lastValueFrom, take, toArray } from 'rxjs'
import {
  encodeMessage,
  type FakeFirehose,
  fakeFirehose,
  generateCommits,
} from '../../src/testing/index.js'
import { refusalOf } from './client.js'
import { decoded, FrameClient } from './frame-client.js'

const FRAMES = [...generateCommits({ count: 1_000 })].map((message) =>
  Buffer.from(encodeMessage(message)),
)
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n)
const hex = (frames: readonly Uint8Array[]): string[] =>
  frames.map((frame) => Buffer.from(frame).toString('hex'))

/** What is sent for a cursor, as far as the newest message. */
async function from(
  server: FakeFirehose,
  cursor: number | string,
  count: number,
): Promise<unknown[]> {
  await using client = new FrameClient(server.endpoint, `?cursor=${cursor}`)
  await client.received(count)
  return client.seqs
}

describe('the log of fakeFirehose', () => {
  it.each(['pds', 'relay'] as const)(
    'is played to a first client without a cursor (%s)',
    async (style) => {
      await using server = await fakeFirehose({ events: 3_000, style })
      await using client = new FrameClient(server.endpoint)
      await client.received(3_000)
      expect(client.seqs).toEqual(range(1, 3_000))
      await server.idle()
      expect(server.sent).toBe(3_000)
    },
  )

  it('holds the bytes that generateCommits and encodeMessage make', async () => {
    await using server = await fakeFirehose({ events: 1_000, stored: 'all' })
    expect(hex(server.frames)).toEqual(hex(FRAMES))
  })

  it('sends frames byte for byte, those that nobody can read among them', async () => {
    const frames = [
      FRAMES[4] as Buffer,
      Buffer.from([0xff, 0x00]),
      Buffer.alloc(0),
      Buffer.alloc(2_000_000, 7),
      FRAMES[9] as Buffer,
    ]
    await using server = await fakeFirehose({ events: frames })
    await using client = new FrameClient(server.endpoint)
    await client.received(frames.length)
    expect(hex(client.frames)).toEqual(hex(frames))
  })

  it('gives the next number to a message that brings none', async () => {
    const bare = {
      t: '#account' as const,
      body: { did: 'did:plc:a', time: '2026-01-01T00:00:00.000Z', active: true },
    }
    await using server = await fakeFirehose({
      events: [bare, { ...bare, body: { ...bare.body, seq: 90 } }, bare],
      firstSeq: 40,
    })
    await using client = new FrameClient(server.endpoint)
    await server.connected()
    await client.received(3)
    server.emit(bare, bare)
    await client.received(5)
    expect(client.seqs).toEqual([40, 90, 91, 92, 93])
    expect(client.messages[0]).toEqual({ t: '#account', op: 1, body: { ...bare.body, seq: 40 } })
  })

  it('is made on demand by a function, and by an iterator', async () => {
    const made = (n: number) => (n < 700 ? FRAMES[n] : undefined)
    for (const events of [made, generateCommits({ count: 700 })]) {
      await using server = await fakeFirehose({ events })
      await using client = new FrameClient(server.endpoint)
      await client.received(700)
      await server.idle()
      expect(hex(client.frames)).toEqual(hex(FRAMES.slice(0, 700)))
    }
  })

  it('is paced on request, whoever reads', async () => {
    await using server = await fakeFirehose({ events: 50, ratePerSecond: 500 })
    const startedAt = performance.now()
    await using client = new FrameClient(server.endpoint)
    await client.received(50)
    expect(performance.now() - startedAt).toBeGreaterThan(80)
  })

  it('reaches several clients, each from its own cursor, and cuts none off', async () => {
    await using server = await fakeFirehose({ events: 5_000 })
    await using first = new FrameClient(server.endpoint)
    await using second = new FrameClient(server.endpoint)
    await Promise.all([first.received(4_000), second.received(4_000)])
    await using third = new FrameClient(server.endpoint, '?cursor=0')
    await Promise.all([first, second, third].map((client) => client.received(4_500)))
    expect(third.seqs.slice(0, 4_500)).toEqual(range(1, 4_500))
    expect(server.connections.map(({ closed }) => closed)).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('takes the handle out of an #identity at a relay, which does not vouch for it', async () => {
    const identity = {
      t: '#identity' as const,
      body: { did: 'did:plc:a', time: '2026-01-01T00:00:00.000Z', handle: 'a.test' },
    }
    for (const style of ['pds', 'relay'] as const) {
      await using server = await fakeFirehose({ events: [identity], style })
      await using client = new FrameClient(server.endpoint)
      await client.received(1)
      expect('handle' in (client.messages[0]?.body ?? {})).toBe(style === 'pds')
    }
  })

  it('tells of its connections, and completes with the server', async () => {
    const server = await fakeFirehose({ events: 5 })
    const seen = lastValueFrom(server.connections$.pipe(take(2), toArray()))
    const [first, second] = [
      new FrameClient(server.endpoint),
      new FrameClient(server.endpoint, '?cursor=3'),
    ]
    expect((await seen).map(({ attempt }) => attempt)).toEqual([1, 2])
    await Promise.all([first.received(1), second.received(1)])
    second.ws.close(4_000, 'enough')
    expect(await server.closed()).toMatchObject({
      cursor: '3',
      closed: { code: 4_000, reason: 'enough' },
    })
    await server.close()
    await first.ended
  })
})

describe.each(['pds', 'relay'] as const)('a cursor on a fake %s', (style) => {
  const stored = (options = {}) => fakeFirehose({ events: 100, stored: 'all', style, ...options })

  it('is exclusive: what follows it is sent', async () => {
    await using server = await stored()
    expect(await from(server, 60, 40)).toEqual(range(61, 100))
    expect(await from(server, 0, 100)).toEqual(range(1, 100))
  })

  it('that is the newest one, or empty, is the live tail', async () => {
    await using server = await stored()
    for (const query of ['?cursor=100', '?cursor=', '']) {
      await using client = new FrameClient(server.endpoint, query)
      await server.connected(server.connections.length + 1)
      server.emit(FRAMES[0] as Buffer)
      await client.received(1)
      expect(client.seqs).toEqual([1])
      server.restart({ lose: 1 })
    }
  })

  it('goes on exactly where the log goes on after a cut', async () => {
    await using server = await fakeFirehose({
      events: 3_000,
      style,
      faults: [{ after: 1_200, do: 'drop' }],
    })
    const first = new FrameClient(server.endpoint)
    expect(await first.ended).toEqual({ code: 1006, reason: '' })
    expect(await from(server, 1_200, 1_800)).toEqual(range(1_201, 3_000))
    expect(first.seqs).toEqual(range(1, 1_200))
  })
})

/** How a server answers one attempt that it does not serve. */
async function answerTo(endpoint: string, query: string) {
  const client = new FrameClient(endpoint, query)
  const { code, reason } = await client.ended
  return { code, reason, messages: client.messages }
}

describe('a cursor that a fake PDS cannot serve', () => {
  it('is told as outdated, and clamped, where something behind it is gone', async () => {
    await using server = await fakeFirehose({ events: 100, stored: 'all', retainEvents: 10 })
    for (const cursor of [0, -4, 89]) {
      await using client = new FrameClient(server.endpoint, `?cursor=${cursor}`)
      await client.received(11)
      expect(client.messages[0]).toEqual({
        t: '#info',
        op: 1,
        body: {
          name: 'OutdatedCursor',
          message: 'Requested cursor exceeded limit. Possibly missing events',
        },
      })
      expect(client.seqs.slice(1)).toEqual(range(91, 100))
    }
    expect(await from(server, 90, 10)).toEqual(range(91, 100))
  })

  it('is counted by age as well', async () => {
    await using server = await fakeFirehose({ events: 100, stored: 'all', retainMs: 20 })
    const kept = server.frames.length
    expect(kept).toBeGreaterThan(5)
    expect(kept).toBeLessThan(50)
    expect(await from(server, 0, kept + 1)).toEqual([undefined, ...range(101 - kept, 100)])
  })

  it('ends with FutureCursor where it is past the newest message', async () => {
    await using server = await fakeFirehose({ events: 100, stored: 'all' })
    expect(await answerTo(server.endpoint, '?cursor=101')).toEqual({
      code: 1008,
      reason: 'FutureCursor',
      messages: [
        { t: undefined, op: -1, body: { error: 'FutureCursor', message: 'Cursor in the future.' } },
      ],
    })
  })

  it.each([
    ['?cursor=abc', '"abc"'],
    ['?cursor=1.5', '"1.5"'],
    ['?cursor=9007199254740993', '9007199254740992'],
    ['?cursor=1&cursor=2', '[1, 2]'],
  ])('ends with InvalidRequest for %s, after the handshake', async (query, got) => {
    await using server = await fakeFirehose()
    const message =
      'Invalid com.atproto.sync.subscribeRepos params: Expected integer value type ' +
      '(got ' +
      `${got})`
    const messages = [{ t: undefined, op: -1, body: { error: 'InvalidRequest', message } }]
    expect(await answerTo(server.endpoint, query)).toEqual({
      code: 1008,
      reason: 'InvalidRequest',
      messages,
    })
    expect(server.attempts).toMatchObject([{ status: 101 }])
  })
})

describe('a cursor that a fake relay cannot serve', () => {
  it('is clamped in silence where it is too old', async () => {
    await using server = await fakeFirehose({
      style: 'relay',
      events: 100,
      stored: 'all',
      retainEvents: 10,
    })
    expect(await from(server, 5, 10)).toEqual(range(91, 100))
  })

  it('is the live tail where it is in the future, and costs the first message', async () => {
    await using server = await fakeFirehose({
      style: 'relay',
      events: FRAMES.slice(0, 3),
      stored: 'all',
    })
    await using client = new FrameClient(server.endpoint, '?cursor=500')
    await server.connected()
    server.emit(...FRAMES.slice(3, 6))
    await client.received(2)
    expect(client.seqs).toEqual([5, 6])
  })

  it.each(['abc', '-1', '1.5'])('is refused with 400 where it is %s', async (cursor) => {
    await using server = await fakeFirehose({ style: 'relay' })
    const { status, body } = await refusalOf(server.endpoint, `?cursor=${cursor}`)
    expect({ status, body }).toEqual({
      status: 400,
      body: `{"error":"BadRequest","message":"cursor parameter invalid: ${cursor}"}\n`,
    })
  })
})

describe('what a fakeFirehose does not have', () => {
  it('is answered as each server does: a PDS hangs up, a relay says 404', async () => {
    await using pds = await fakeFirehose()
    expect(await answerTo(`${pds.url}/xrpc/com.atproto.label.subscribeLabels`, '')).toMatchObject({
      code: 1006,
      messages: [],
    })
    expect(pds.attempts).toMatchObject([{ status: 0 }])
    await using relay = await fakeFirehose({ style: 'relay' })
    expect(await refusalOf(`${relay.url}/xrpc/com.atproto.sync.nope`)).toMatchObject({
      status: 404,
      body: '{"error":"Not Found"}\n',
    })
  })

  it('is a page for a client that asks for no WebSocket', async () => {
    await using pds = await fakeFirehose()
    await using relay = await fakeFirehose({ style: 'relay' })
    const get = async ({ endpoint }: FakeFirehose) => {
      const response = await fetch(endpoint.replace('ws', 'http'))
      return [response.status, await response.text()]
    }
    expect(await get(pds)).toEqual([
      401,
      '{"error":"AuthMissing","message":"Authentication Required"}',
    ])
    expect(await get(relay)).toEqual([400, 'Bad Request\n'])
    expect(pds.requests).toMatchObject([
      { url: '/xrpc/com.atproto.sync.subscribeRepos', status: 401 },
    ])
  })
})

describe('a reader of fakeFirehose', () => {
  const TOO_SLOW = {
    t: undefined,
    op: -1,
    body: { error: 'ConsumerTooSlow', message: 'Stream consumer too slow' },
  }

  it('is cut off by a burst larger than the buffer of a PDS, and gets none of it', async () => {
    await using server = await fakeFirehose()
    const [first, second] = [new FrameClient(server.endpoint), new FrameClient(server.endpoint)]
    await server.connected(2)
    server.emit(...FRAMES.slice(0, 400))
    await Promise.all([first.received(400), second.received(400)])
    server.emit(...FRAMES.slice(400, 901))
    for (const client of [first, second]) {
      expect(await client.ended).toEqual({ code: 1008, reason: 'ConsumerTooSlow' })
      expect(client.frames).toHaveLength(401)
      expect(client.messages.at(-1)).toEqual(TOO_SLOW)
    }
    expect(await from(server, 400, 501)).toEqual(range(401, 901))
  })

  it('is cut by a relay only when it does not read', async () => {
    const large = Buffer.alloc(100_000, 1)
    await using server = await fakeFirehose({ style: 'relay', bufferEvents: 20 })
    await using reading = new FrameClient(server.endpoint)
    await server.connected()
    const paused = new FrameClient(server.endpoint)
    await server.connected(2)
    await once(paused.ws, 'open')
    paused.ws.pause()
    const sentTo = (n: number): number => server.connections[n]?.sent ?? 0
    // Until the buffers of the kernel are full: then the relay's own fill up.
    for (let emitted = 0; emitted - sentTo(1) <= 20; emitted += 10) {
      server.emit(...Array.from({ length: 10 }, () => large))
      await reading.received(emitted + 10)
    }
    paused.ws.resume()
    expect((await paused.ended).code).toBe(1006)
    expect(decoded(paused.frames.at(-1) as Buffer)).toEqual(TOO_SLOW)
    expect(await server.closed()).toMatchObject({ attempt: 2 })
    expect(reading.ws.readyState).toBe(reading.ws.OPEN)
  })

  it('is pinged by a relay while nothing comes, and never by a PDS', async () => {
    await using relay = await fakeFirehose({ style: 'relay', pingEveryMs: 5 })
    await using client = new FrameClient(relay.endpoint)
    const connection = await relay.connected()
    // On a busy machine several pings arrive before the first pong has.
    while (connection.pongs === 0) await once(client.ws, 'ping')
  })
})
