import {
  type EventStreamFault,
  encodeMessage,
  fakeFirehose,
  generateCommits,
} from '../../src/testing/index.js'
import { refusalOf } from './client.js'
import { decoded, FrameClient } from './frame-client.js'

const FRAMES = [...generateCommits({ count: 100 })].map((message) => encodeMessage(message))
const hex = (frames: readonly Uint8Array[]): string[] =>
  frames.map((frame) => Buffer.from(frame).toString('hex'))
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n)
const play = (...faults: EventStreamFault[]) => fakeFirehose({ events: 100, faults })

describe('a fault of fakeFirehose', () => {
  it.each([
    [{ do: 'drop' } as const, { code: 1006, reason: '' }],
    [{ do: 'reset' } as const, { code: 1006, reason: '' }],
    [
      { do: 'close', code: 1012, reason: 'soon back' } as const,
      { code: 1012, reason: 'soon back' },
    ],
  ])('ends the connection after exactly so many messages: %j', async (action, end) => {
    await using server = await play({ after: 40, ...action })
    const client = new FrameClient(server.endpoint)
    expect(await client.ended).toEqual(end)
    expect(server.connections[0]?.sent).toBe(40)
    // A reset may cost what was not read yet.
    expect(client.seqs).toEqual(range(1, 40).slice(0, client.frames.length))
    expect(server.fired).toEqual([{ fault: { after: 40, ...action }, attempt: 1, sent: 40 }])
  })

  it('fires as often as it says, over all connections', async () => {
    await using server = await play({ after: 0, do: 'drop' }, { after: 10, do: 'drop', times: 3 })
    const counts: number[] = []
    for (let n = 0; n < 4; n++) {
      const client = new FrameClient(server.endpoint)
      await client.ended
      counts.push(client.frames.length)
    }
    expect(counts).toEqual([0, 10, 10, 10])
    expect(server.fired.map(({ sent }) => sent)).toEqual([0, 10, 20, 30])
  })

  it.each(['silence', 'stall'] as const)('sends no message any more: %s', async (action) => {
    await using server = await play({ after: 40, do: action })
    await using client = new FrameClient(server.endpoint)
    await server.when(() => server.fired.length === 1)
    await client.received(40)
    let pongs = 0
    client.ws.on('pong', () => pongs++)
    client.ws.ping()
    await using other = new FrameClient(server.endpoint, '?cursor=0')
    await other.received(100)
    other.ws.ping()
    await new Promise<void>((resolve) => other.ws.on('pong', () => resolve()))
    expect({ frames: client.frames.length, pongs }).toEqual({
      frames: 40,
      pongs: action === 'stall' ? 1 : 0,
    })
  })

  it('lets the others go on when the one that they waited for stalls, or is gone', async () => {
    const events = Array.from({ length: 400 }, () => Buffer.alloc(100_000, 1))
    await using server = await fakeFirehose({
      events,
      bufferEvents: 10,
      faults: [{ after: 5, do: 'stall' }],
    })
    await using _stalled = new FrameClient(server.endpoint)
    await server.when(() => server.fired.length === 1)
    const paused = new FrameClient(server.endpoint, '?cursor=0')
    await using reading = new FrameClient(server.endpoint, '?cursor=-1')
    const sentTo = (cursor: string): number =>
      server.connections.find((one) => one.cursor === cursor)?.sent ?? 0
    paused.ws.once('open', () => paused.ws.pause())
    await server.when(() => sentTo('-1') - sentTo('0') === 10)
    expect(sentTo('-1')).toBeLessThan(400)
    paused.ws.terminate()
    await reading.received(400)
  })

  it('puts garbage between two messages: text, binary, or bytes that are no frame', async () => {
    await using server = await play(
      { after: 10, do: 'garbage', frame: 'text in a binary stream' },
      { after: 20, do: 'garbage', frame: new Uint8Array([0xa1, 0x62]) },
      { after: 50, do: 'garbage', frame: new Uint8Array([0xf1, 0x00]), as: 'raw' },
    )
    const client = new FrameClient(server.endpoint)
    expect((await client.ended).code).toBe(1006)
    expect(String(client.frames[10])).toBe('text: text in a binary stream')
    expect(client.frames[21]).toEqual(Buffer.from([0xa1, 0x62]))
    expect(hex(client.frames.filter((_, index) => index !== 10 && index !== 21))).toEqual(
      hex(FRAMES.slice(0, 50)),
    )
  })

  it('skips some messages, repeats others, and pings out of turn', async () => {
    await using server = await play(
      { after: 10, do: 'skip', events: 5 },
      { after: 15, do: 'ping' },
      { after: 20, do: 'repeat', events: 3 },
    )
    await using client = new FrameClient(server.endpoint)
    await client.received(98)
    expect(client.seqs).toEqual([...range(1, 10), ...range(16, 25), ...range(23, 100)])
    expect(client.pings).toBe(1)
  })

  it.each([
    ['pds', { code: 1008, reason: 'ConsumerTooSlow' }],
    ['relay', { code: 1006, reason: '' }],
  ] as const)('says why it ends, as an error frame of a %s', async (style, end) => {
    await using server = await fakeFirehose({
      events: 100,
      style,
      faults: [{ after: 40, do: 'error', error: 'ConsumerTooSlow' }],
    })
    const client = new FrameClient(server.endpoint)
    expect(await client.ended).toEqual(end)
    expect(client.seqs.slice(0, 40)).toEqual(range(1, 40))
    expect(client.messages.slice(40)).toEqual([
      { t: undefined, op: -1, body: { error: 'ConsumerTooSlow', message: '' } },
    ])
  })
})

describe('a fault at the connect', () => {
  it('refuses with an HTTP answer, accepts and drops, or never answers', async () => {
    await using server = await fakeFirehose({
      events: 5,
      faults: [
        {
          onConnect: 1,
          do: 'refuse',
          status: 429,
          body: 'slow down',
          headers: { 'Retry-After': '7' },
        },
        { onConnect: 2, do: 'accept-and-drop' },
        { onConnect: 3, do: 'accept-and-drop', code: 1013, reason: 'later' },
        { onConnect: 4, do: 'hang' },
      ],
    })
    expect(await refusalOf(server.endpoint)).toMatchObject({
      status: 429,
      body: 'slow down',
      headers: { 'retry-after': '7' },
    })
    expect(await new FrameClient(server.endpoint).ended).toEqual({ code: 1006, reason: '' })
    expect(await new FrameClient(server.endpoint).ended).toEqual({ code: 1013, reason: 'later' })
    const unanswered = new FrameClient(server.endpoint)
    await server.when(() => server.fired.length === 4)
    unanswered.ws.terminate()
    await unanswered.ended
    await using last = new FrameClient(server.endpoint)
    await last.received(5)
    expect(server.attempts.map(({ status }) => status)).toEqual([429, 101, 101, 0, 101])
    expect(server.fired.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
  })

  it('that never fired makes the end of the server reject, by its name', async () => {
    const server = await play(
      { after: 400, do: 'reset' },
      { onConnect: 9, do: 'hang', optional: true },
    )
    await expect(server.close()).rejects.toThrow(
      /after 0 messages over 0 connections:\n {2}\{"after":400,"do":"reset"\} fired 0 of 1 times$/,
    )
  })
})

describe('a restart of fakeFirehose', () => {
  it('ends all connections without a close frame, and goes on with the same log', async () => {
    await using server = await fakeFirehose({ events: 100 })
    const client = new FrameClient(server.endpoint)
    await client.received(100)
    server.restart()
    expect(await client.ended).toEqual({ code: 1006, reason: '' })
    await using again = new FrameClient(server.endpoint, '?cursor=90')
    await again.received(10)
    expect(again.seqs).toEqual(range(91, 100))
  })

  it('may lose the newest messages, as a crash does, and reuse their numbers', async () => {
    await using server = await fakeFirehose({ events: FRAMES.slice(0, 50), stored: 'all' })
    server.restart({ lose: 10 })
    server.emit(FRAMES[70] as Uint8Array, Buffer.from([0xff]), FRAMES[71] as Uint8Array)
    await using client = new FrameClient(server.endpoint, '?cursor=38')
    await client.received(5)
    expect([0, 1, 2, 4].map((n) => decoded(client.frames[n] as Buffer).body.seq)).toEqual([
      39, 40, 41, 43,
    ])
    expect(decoded(client.frames[2] as Buffer).body).toEqual({
      ...decoded(FRAMES[70] as Uint8Array).body,
      seq: 41,
    })
    expect(client.frames[3]).toEqual(Buffer.from([0xff]))
  })

  it('may renumber the log and what follows, as a host that was replaced does', async () => {
    await using server = await fakeFirehose({ events: 100, stored: 60 })
    server.restart({ firstSeq: 5_000_000_000 })
    await using client = new FrameClient(server.endpoint, '?cursor=60')
    await client.received(100)
    expect(client.seqs).toEqual(range(5_000_000_000, 5_000_000_099))
    const bodies = client.messages.map(({ t, body }) => ({ t, body: { ...body, seq: 0 } }))
    expect(JSON.stringify(bodies)).toBe(
      JSON.stringify(FRAMES.map(decoded).map(({ t, body }) => ({ t, body: { ...body, seq: 0 } }))),
    )
  })
})
