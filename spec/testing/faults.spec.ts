import { once } from 'node:events'
import { fakeJetstream, generateEvents, type JetstreamFault } from '../../src/testing/index.js'
import { Client, refusalOf, tcpEndOf } from './client.js'

const LINES = [...generateEvents({ count: 100 })].map((event) => JSON.stringify(event))
const play = (...faults: JetstreamFault[]) => fakeJetstream({ events: 100, faults })

describe('a fault of fakeJetstream', () => {
  it('drops the connection after exactly so many events', async () => {
    await using server = await play({ after: 40, do: 'drop' })
    const client = new Client(server.url)
    expect(await client.ended).toEqual({ code: 1006, reason: '' })
    expect(client.frames).toHaveLength(40)
    expect(server.fired).toEqual([{ fault: { after: 40, do: 'drop' }, attempt: 1, sent: 40 }])
  })

  it('resets the connection, where a drop only ends it', async () => {
    await using server = await play({ after: 40, do: 'reset' }, { after: 60, do: 'drop' })
    expect(await tcpEndOf(server.port)).toBe('reset')
    expect(await tcpEndOf(server.port)).toBe('closed')
  })

  it('closes with a code and a reason', async () => {
    await using server = await play({ after: 40, do: 'close', code: 1012, reason: 'soon back' })
    const client = new Client(server.url)
    expect(await client.ended).toEqual({ code: 1012, reason: 'soon back' })
    expect(client.frames).toHaveLength(40)
  })

  it('fires before the first event, and as often as it says', async () => {
    await using server = await play({ after: 0, do: 'drop' }, { after: 10, do: 'drop', times: 3 })
    for (const count of [0, 10, 10, 10]) {
      const client = new Client(server.url)
      await client.ended
      expect(client.frames).toHaveLength(count)
    }
    await using last = new Client(server.url)
    await last.received(70)
    expect(server.fired.map(({ sent }) => sent)).toEqual([0, 10, 20, 30])
  })

  it('silences the connection: nothing more is sent or answered', async () => {
    await using server = await fakeJetstream({
      events: 100,
      faults: [{ after: 40, do: 'silence' }],
      pingEveryMs: 5,
    })
    const silent = new Client(server.url)
    await server.when(() => server.fired.length === 1)
    await silent.received(40)
    const before = silent.pings
    let pongs = 0
    silent.ws.on('pong', () => pongs++)
    silent.ws.ping()
    silent.ws.send('{}')
    await using other = new Client(server.url)
    await new Promise<void>((resolve) => other.ws.on('ping', () => other.pings > 2 && resolve()))
    expect({
      state: silent.ws.readyState,
      frames: silent.frames.length,
      pings: silent.pings - before,
      pongs,
    }).toEqual({
      state: silent.ws.OPEN,
      frames: 40,
      pings: 0,
      pongs: 0,
    })
    silent.ws.terminate()
    expect(await server.closed()).toMatchObject({ attempt: 1, messages: [], pings: 0 })
  })

  it('stalls the events, while pings are answered', async () => {
    await using server = await play({ after: 40, do: 'stall' })
    await using client = new Client(server.url)
    await client.received(40)
    await server.when(() => server.fired.length === 1)
    server.emit('{"more":1}')
    client.ws.ping()
    await once(client.ws, 'pong')
    expect(client.frames).toHaveLength(40)
  })

  it('puts garbage between two events: text, binary, or bytes that are no frame', async () => {
    await using server = await play(
      { after: 10, do: 'garbage', frame: '{"broken' },
      { after: 20, do: 'garbage', frame: new Uint8Array([1, 2, 3]) },
      { after: 30, do: 'garbage', frame: 'x'.repeat(70_000) },
      { after: 50, do: 'garbage', frame: new Uint8Array([0xf1, 0x00]), as: 'raw' },
    )
    const client = new Client(server.url)
    expect((await client.ended).code).toBe(1006)
    expect(client.frames[10]).toBe('{"broken')
    expect(client.frames[21]).toBe('\u0001\u0002\u0003')
    expect(client.frames[32]).toHaveLength(70_000)
    expect(client.frames.filter((_, index) => ![10, 21, 32].includes(index))).toEqual(LINES_OF(50))
  })

  it('sends a text that is no UTF-8, which a client answers by closing with 1007', async () => {
    await using server = await play({
      after: 10,
      do: 'garbage',
      frame: new Uint8Array([0xff, 0xfe]),
      as: 'text',
    })
    const client = new Client(server.url)
    await client.ended
    expect((await server.closed()).closed?.code).toBe(1007)
  })

  it('pings out of turn', async () => {
    await using server = await play({ after: 10, do: 'ping' })
    await using client = new Client(server.url)
    await client.received(100)
    expect(client.pings).toBe(1)
  })

  it('skips some events, and repeats others', async () => {
    await using server = await play(
      { after: 10, do: 'skip', events: 5 },
      { after: 20, do: 'repeat', events: 3 },
    )
    await using client = new Client(server.url)
    await client.received(98)
    const all = LINES_OF(100)
    expect(client.frames).toEqual([...all.slice(0, 10), ...all.slice(15, 25), ...all.slice(22)])
  })
})

describe('a fault at the connect', () => {
  it('refuses with an HTTP answer', async () => {
    await using server = await fakeJetstream({
      faults: [
        {
          onConnect: 1,
          do: 'refuse',
          status: 429,
          body: 'slow down',
          headers: { 'Retry-After': '7' },
        },
      ],
    })
    expect(await refusalOf(server.url)).toMatchObject({
      status: 429,
      body: 'slow down',
      headers: { 'retry-after': '7' },
    })
    await using _second = new Client(server.url)
    expect((await server.connected()).attempt).toBe(2)
    expect(server.attempts.map(({ status }) => status)).toEqual([429, 101])
  })

  it('accepts and drops, as often as it says', async () => {
    await using server = await fakeJetstream({
      events: 5,
      faults: [
        { onConnect: 2, times: 2, do: 'accept-and-drop' },
        { onConnect: 4, do: 'accept-and-drop', code: 1013 },
      ],
    })
    const codes: number[] = []
    await using first = new Client(server.url)
    await first.received(5)
    for (let n = 0; n < 3; n++) codes.push((await new Client(server.url).ended).code)
    expect(codes).toEqual([1006, 1006, 1013])
    expect(server.fired.map(({ attempt }) => attempt)).toEqual([2, 3, 4])
  })

  it('never answers the handshake', async () => {
    await using server = await fakeJetstream({ faults: [{ onConnect: 1, do: 'hang' }] })
    const unanswered = new Client(server.url)
    await server.when(() => server.fired.length === 1)
    await using other = new Client(server.url)
    await once(other.ws, 'open')
    expect(unanswered.ws.readyState).toBe(unanswered.ws.CONNECTING)
    unanswered.ws.terminate()
    await unanswered.ended
    expect(server.attempts).toMatchObject([{ status: 0 }, { status: 101 }])
  })
})

describe('a fault that never fired', () => {
  it('makes the end of the server reject, by its name', async () => {
    const server = await play({ after: 400, do: 'reset' }, { onConnect: 9, do: 'hang' })
    await expect(server.close()).rejects.toThrow(
      /\{"after":400,"do":"reset"\} fired 0 of 1 times\n.*"onConnect":9/,
    )
    await expect(server[Symbol.asyncDispose]()).rejects.toThrow('never happened')
  })

  it('is no matter when it is optional', async () => {
    await using server = await play({ after: 400, do: 'reset', optional: true })
    expect(server.fired).toEqual([])
  })
})

function LINES_OF(count: number): string[] {
  return LINES.slice(0, count).map((line) =>
    line.replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
  )
}
