import { lastValueFrom, take, toArray } from 'rxjs'
import { encodeMessage, type FakeFirehose, fakeFirehose, generateCommits } from '../../src/testing/index.js'
import { FrameClient } from './frame-client.js'

const FRAMES = [...generateCommits({ count: 1_000 })].map((message) => Buffer.from(encodeMessage(message)))
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n)
const hex = (frames: readonly Uint8Array[]): string[] => frames.map((frame) => Buffer.from(frame).toString('hex'))

/** What is sent for a cursor, as far as the newest message. */
async function from(server: FakeFirehose, cursor: number | string, count: number): Promise<unknown[]> {
  await using client = new FrameClient(server.endpoint, `?cursor=${cursor}`)
  await client.received(count)
  return client.seqs
}

describe('the log of fakeFirehose', () => {
  it.each(['pds', 'relay'] as const)('is played to a first client without a cursor (%s)', async (style) => {
    await using server = await fakeFirehose({ events: 3_000, style })
    await using client = new FrameClient(server.endpoint)
    await client.received(3_000)
    expect(client.seqs).toEqual(range(1, 3_000))
    await server.idle()
    expect(server.sent).toBe(3_000)
  })

  it('holds the bytes that generateCommits and encodeMessage make', async () => {
    await using server = await fakeFirehose({ events: 1_000, stored: 'all' })
    expect(hex(server.frames)).toEqual(hex(FRAMES))
  })

  it('sends frames byte for byte, those that nobody can read among them', async () => {
    const frames = [FRAMES[4] as Buffer, Buffer.from([0xff, 0x00]), Buffer.alloc(0), Buffer.alloc(2_000_000, 7), FRAMES[9] as Buffer]
    await using server = await fakeFirehose({ events: frames })
    await using client = new FrameClient(server.endpoint)
    await client.received(frames.length)
    expect(hex(client.frames)).toEqual(hex(frames))
  })

  it('gives the next number to a message that brings none', async () => {
    const bare = { t: '#account' as const, body: { did: 'did:plc:a', time: '2026-01-01T00:00:00.000Z', active: true } }
    await using server = await fakeFirehose({ events: [bare, { ...bare, body: { ...bare.body, seq: 90 } }, bare], firstSeq: 40 })
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
    await using client = new FrameClient(server.endpoint)
    await server.connected()
    const startedAt = performance.now()
    await client.received(50)
    expect(performance.now() - startedAt).toBeGreaterThan(80)
  })

  it('reaches several clients, each from its own place, and cuts none of them for another', async () => {
    await using server = await fakeFirehose({ events: 5_000 })
    await using first = new FrameClient(server.endpoint)
    await using second = new FrameClient(server.endpoint)
    await Promise.all([first.received(4_000), second.received(4_000)])
    await using third = new FrameClient(server.endpoint, '?cursor=0')
    await Promise.all([first, second, third].map((client) => client.received(4_500)))
    expect(third.seqs.slice(0, 4_500)).toEqual(range(1, 4_500))
    expect(server.connections.map(({ closed }) => closed)).toEqual([undefined, undefined, undefined])
  })

  it('takes the handle out of an #identity at a relay, which does not vouch for it', async () => {
    const identity = { t: '#identity' as const, body: { did: 'did:plc:a', time: '2026-01-01T00:00:00.000Z', handle: 'a.test' } }
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
    const [first, second] = [new FrameClient(server.endpoint), new FrameClient(server.endpoint, '?cursor=3')]
    expect((await seen).map(({ attempt }) => attempt)).toEqual([1, 2])
    await Promise.all([first.received(1), second.received(1)])
    second.ws.close(4_000, 'enough')
    expect(await server.closed()).toMatchObject({ cursor: '3', closed: { code: 4_000, reason: 'enough' } })
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
    await using server = await fakeFirehose({ events: 3_000, style, faults: [{ after: 1_200, do: 'drop' }] })
    const first = new FrameClient(server.endpoint)
    expect(await first.ended).toEqual({ code: 1006, reason: '' })
    expect(await from(server, 1_200, 1_800)).toEqual(range(1_201, 3_000))
    expect(first.seqs).toEqual(range(1, 1_200))
  })
})
