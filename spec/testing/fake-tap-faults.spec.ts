import { once } from 'node:events'
import { WebSocket } from 'ws'
import { fakeTap, type TapFault } from '../../src/testing/index.js'
import { connect, refusalOf, TapClient } from './fake-tap-client.js'

const historical = { generate: { live: false } }

describe('the faults of fakeTap', () => {
  it('ends the connection after so many frames, and all of them arrive', async () => {
    await using tap = await fakeTap({
      events: 100,
      ...historical,
      faults: [{ after: 40, do: 'drop' }],
    })
    await using first = new TapClient(tap.url)
    expect(await first.ended).toEqual({ code: 1006, reason: '' })
    expect(first.frames).toHaveLength(40)
    await using second = await connect(tap.url)
    expect((await second.received(60))[0]).toBe(41)
    expect(tap.fired).toEqual([{ fault: { after: 40, do: 'drop' }, attempt: 1, sent: 40 }])
  })

  it('resets it, each so many frames', async () => {
    await using tap = await fakeTap({
      events: 30,
      ...historical,
      faults: [{ after: 10, do: 'reset', times: 2 }],
    })
    for (const _ of [1, 2]) await new TapClient(tap.url).ended
    await using third = await connect(tap.url)
    expect((await third.received(10)).at(-1)).toBe(30)
    expect(tap.fired.map(({ sent }) => sent)).toEqual([10, 20])
  })

  it('strikes after the last frame, too, and the client that got it', async () => {
    await using tap = await fakeTap({ faults: [{ after: 2, do: 'drop' }] })
    await using first = await connect(tap.url)
    await using second = await connect(tap.url)
    tap.emit(
      ...[1, 2].map(
        () =>
          ({
            type: 'identity',
            did: 'did:plc:a',
            handle: '',
            isActive: true,
            status: 'active',
          }) as const,
      ),
    )
    await second.ended
    expect(await first.settled()).toEqual([1])
  })

  it('strikes before the first frame', async () => {
    await using tap = await fakeTap({
      events: 3,
      ...historical,
      faults: [{ after: 0, do: 'drop' }],
    })
    await using first = new TapClient(tap.url)
    await first.ended
    expect(first.frames).toEqual([])
    await using second = await connect(tap.url)
    await second.received(3)
  })

  it('closes with a code, as a proxy in front of it may', async () => {
    await using tap = await fakeTap({
      events: 3,
      ...historical,
      faults: [{ after: 2, do: 'close', code: 1012, reason: 'restart' }],
    })
    await using client = new TapClient(tap.url)
    expect(await client.ended).toEqual({ code: 1012, reason: 'restart' })
    expect(client.frames).toHaveLength(2)
  })

  it('sends garbage between two frames', async () => {
    const faults: readonly TapFault[] = [{ after: 1, do: 'garbage', frame: '{"id":1,"type":' }]
    await using tap = await fakeTap({ events: 2, ...historical, faults })
    await using client = new TapClient(tap.url)
    while (client.frames.length < 3) await once(client.ws, 'message')
    expect(client.frames[1]).toBe('{"id":1,"type":')
    expect(tap.sent).toBe(2)
  })

  it('falls silent: not even a ping is answered', async () => {
    await using tap = await fakeTap({
      events: 3,
      ...historical,
      faults: [{ after: 1, do: 'silence' }],
    })
    await using client = new TapClient(tap.url)
    await client.received(1)
    await tap.when(() => tap.fired.length === 1)
    let pongs = 0
    client.ws.on('pong', () => pongs++)
    client.ws.ping()
    client.ack(1)
    await using other = await connect(tap.url)
    expect(await other.received(2)).toEqual([2, 3])
    expect([pongs, tap.acks.length, client.frames.length]).toEqual([0, 0, 1])
  })

  it('stalls: pings are answered and acks taken, but no events come', async () => {
    await using tap = await fakeTap({
      events: 3,
      ...historical,
      faults: [{ after: 1, do: 'stall' }],
    })
    await using client = new TapClient(tap.url)
    await client.received(1)
    client.ack(1)
    await tap.acked()
    expect(await client.settled()).toEqual([1])
    expect(tap.outbox).toHaveLength(2)
  })

  it('refuses attempts to connect', async () => {
    const faults: readonly TapFault[] = [
      {
        onConnect: 1,
        times: 2,
        do: 'refuse',
        status: 503,
        body: 'soon',
        headers: { 'retry-after': '2' },
      },
    ]
    await using tap = await fakeTap({ events: 1, faults })
    for (const _ of [1, 2])
      expect(await refusalOf(tap.url)).toMatchObject({
        status: 503,
        body: 'soon',
        headers: { 'retry-after': '2' },
      })
    await using client = await connect(tap.url)
    await client.received(1)
    expect(tap.attempts.map(({ status }) => status)).toEqual([503, 503, 101])
  })

  it('accepts and drops, before any event', async () => {
    await using tap = await fakeTap({
      events: 1,
      faults: [{ onConnect: 1, do: 'accept-and-drop' }],
    })
    await using first = await connect(tap.url)
    expect(await first.ended).toEqual({ code: 1006, reason: '' })
    expect(tap.sent).toBe(0)
    await using second = await connect(tap.url)
    await second.received(1)
  })

  it('leaves a handshake hanging', async () => {
    await using tap = await fakeTap({ faults: [{ onConnect: 1, do: 'hang' }] })
    const ws = new WebSocket(`${tap.url}/channel`)
    ws.on('error', () => undefined)
    await tap.when(() => tap.fired.length === 1)
    await using _second = await connect(tap.url)
    expect(ws.readyState).toBe(WebSocket.CONNECTING)
    expect(tap.attempts.map(({ status }) => status)).toEqual([0, 101])
    ws.terminate()
  })

  it('fails to close when a fault never happened', async () => {
    const tap = await fakeTap({ faults: [{ after: 5, do: 'drop' }] })
    await expect(tap.close()).rejects.toThrow('{"after":5,"do":"drop"} fired 0 of 1 times')
    const lenient = await fakeTap({ faults: [{ after: 5, do: 'drop', optional: true }] })
    await lenient.close()
  })
})
