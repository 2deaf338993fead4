import { once } from 'node:events'
import { WebSocket } from 'ws'
import { type FakeTapEvent, fakeTap, generateTapEvents } from '../../src/testing/index.js'
import { TapOutbox } from '../../src/testing/tap/outbox.js'
import { connect, TapClient, type TapMessage } from './fake-tap-client.js'

const record = (did: string, live: boolean): FakeTapEvent => ({
  type: 'record',
  live,
  did: `did:plc:${did}`,
  rev: '3n2t5t7jyyk27',
  collection: 'app.bsky.feed.post',
  rkey: '3n2t5t5xfu227',
  action: 'create',
  record: { text: 'hi' },
  cid: 'bafyreia',
})
const live = (did: string): FakeTapEvent => record(did, true)
const historical = (did: string): FakeTapEvent => record(did, false)
const identity = (did: string): FakeTapEvent => ({
  type: 'identity',
  did: `did:plc:${did}`,
  handle: 'alice.test',
  isActive: true,
  status: 'active',
})

describe('fakeTap', () => {
  it('sends all its events and is drained when all are acked', async () => {
    await using tap = await fakeTap({ events: 3_000, generate: { dids: 50, live: 0.5 } })
    await using client = new TapClient(tap.url, { acks: true })
    await tap.drained()
    expect([...client.ids].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 3_000 }, (_, n) => n + 1),
    )
    expect(tap.acks.every(({ delivery, stray }) => delivery === 1 && !stray)).toBe(true)
  })

  it('writes frames as Go does', async () => {
    const odd = {
      ...live('a'),
      record: { text: '<b>& \u2028', $type: 'x', nested: [{ b: 1, a: 2 }] },
    }
    const {
      record: _record,
      cid: _cid,
      ...deletion
    } = { ...live('b'), action: 'delete' } as FakeTapEvent & { record: unknown; cid: string }
    await using tap = await fakeTap({ events: [odd, deletion, identity('c')] })
    await using client = await connect(tap.url)
    await client.received(3)
    const head = (did: string) =>
      `"live":true,"did":"did:plc:${did}","rev":"3n2t5t7jyyk27",` +
      '"collection":"app.bsky.feed.post","rkey":"3n2t5t5xfu227"'
    const escapes = String.raw`\u003cb\u003e\u0026 \u2028`
    const text = `"$type":"x","nested":[{"a":2,"b":1}],"text":"${escapes}"`
    expect(client.frames).toEqual([
      `{"id":1,"type":"record","record":{${head('a')},"action":"create","record":{${text}},` +
        '"cid":"bafyreia"}}',
      `{"id":2,"type":"record","record":{${head('b')},"action":"delete"}}`,
      '{"id":3,"type":"identity","identity":{"did":"did:plc:c","handle":"alice.test",' +
        '"is_active":true,"status":"active"}}',
    ])
  })

  it('takes more than its capacity as acks make room', async () => {
    await using tap = await fakeTap({ events: generateTapEvents({ count: 250 }), capacity: 100 })
    expect(tap.outbox).toHaveLength(100)
    await using _client = new TapClient(tap.url, { acks: true })
    await tap.drained()
    expect(tap.sent).toBe(250)
  })

  it('rejects nothing and holds nothing when it is closed with a client', async () => {
    const tap = await fakeTap({ events: 10 })
    const client = await connect(tap.url)
    await tap.close()
    expect(await client.ended).toEqual({ code: 1006, reason: '' })
  })
})

describe('the order of fakeTap', () => {
  it('sends historical events of one DID together', async () => {
    await using tap = await fakeTap({ events: [historical('a'), historical('a'), identity('a')] })
    await using client = await connect(tap.url)
    expect(await client.received(3)).toEqual([1, 2, 3])
  })

  it('holds a live event until all before it are acked, and sends it alone', async () => {
    await using tap = await fakeTap({
      events: [historical('a'), historical('a'), live('a'), historical('a'), historical('a')],
    })
    await using client = await connect(tap.url)
    expect(await client.settled()).toEqual([1, 2])
    client.ack(2)
    expect(await client.settled()).toEqual([1, 2])
    client.ack(1)
    expect(await client.received(3)).toEqual([1, 2, 3])
    expect(await client.settled()).toHaveLength(3)
    client.ack(3)
    expect(await client.received(5)).toEqual([1, 2, 3, 4, 5])
  })

  it('sends live events of one DID one by one, and identities behind them', async () => {
    await using tap = await fakeTap({ events: [live('a'), live('a'), identity('a'), live('a')] })
    await using client = await connect(tap.url)
    for (const id of [1, 2, 3, 4]) {
      expect(await client.received(id)).toHaveLength(id)
      expect(await client.settled()).toHaveLength(id)
      client.ack(id)
    }
    await tap.drained()
  })

  it('lets other DIDs go on while one is blocked', async () => {
    await using tap = await fakeTap({ events: [live('a'), live('a'), live('b'), live('c')] })
    await using client = await connect(tap.url)
    expect(await client.received(3)).toEqual([1, 3, 4])
    expect(tap.outbox.map(({ inFlight }) => inFlight)).toEqual([true, false, true, true])
  })

  it('never has a live event in flight beside another of its DID', async () => {
    await using tap = await fakeTap({ events: 600, generate: { seed: 3, dids: 20, live: 0.5 } })
    await using client = new TapClient(tap.url)
    const open = new Map<number, TapMessage>()
    let violations = 0
    client.ws.on('message', (data) => {
      const message: TapMessage = JSON.parse(String(data))
      const did = didOf(message)
      const beside = [...open.values()].filter((other) => didOf(other) === did)
      if (beside.some((other) => other.record?.live) || (message.record?.live && beside.length > 0))
        violations++
      open.set(message.id, message)
      // Acked late and backwards.
      if (
        open.size < 7 &&
        tap.outbox.some(({ inFlight, deliveries }) => inFlight && deliveries === 0)
      )
        return
      for (const id of [...open.keys()].reverse()) {
        open.delete(id)
        client.ack(id)
      }
    })
    await tap.drained()
    expect(violations).toBe(0)
  })
})

const didOf = ({ record: wrote, identity: known }: TapMessage): string | undefined =>
  wrote?.did ?? known?.did

describe('the redelivery of fakeTap', () => {
  it('sends what is in flight once more, with the same id and bytes', async () => {
    await using tap = await fakeTap({ events: [live('a'), live('a'), historical('b')] })
    await using client = await connect(tap.url)
    await client.received(2)
    expect(tap.redeliver()).toBe(2)
    await client.received(4)
    expect(client.frames.slice(2)).toEqual(client.frames.slice(0, 2))
    expect(tap.delivered.map(({ id, delivery }) => [id, delivery])).toEqual([
      [1, 1],
      [3, 1],
      [1, 2],
      [3, 2],
    ])
    client.ack(1)
    expect(await client.received(5)).toEqual([1, 3, 1, 3, 2])
    expect(tap.acks).toEqual([{ id: 1, connection: 1, delivery: 2, stray: false }])
  })

  it('does so every retry period until the ack', async () => {
    await using tap = await fakeTap({ events: [live('a')], retryTimeoutMs: 5 })
    await using client = await connect(tap.url)
    await client.received(4)
    client.ack(1)
    await tap.drained()
    expect(new Set(client.frames).size).toBe(1)
    expect(tap.redeliver()).toBe(0)
  })

  it('leaves out what is in flight for less than the period', () => {
    const outbox = new TapOutbox()
    outbox.add(live('a'))
    expect(outbox.redeliver(60_000)).toBe(0)
    expect(outbox.redeliver(0)).toBe(1)
  })

  it('piles up copies while nobody is connected', async () => {
    await using tap = await fakeTap({ events: [live('a'), live('b')] })
    for (const _ of [1, 2, 3]) tap.redeliver()
    await using client = await connect(tap.url)
    expect(await client.received(8)).toEqual([1, 2, 1, 2, 1, 2, 1, 2])
  })

  it('still sends the copies that were queued before the ack', async () => {
    await using tap = await fakeTap({ events: [live('a')] })
    await using client = await connect(tap.url)
    await client.received(1)
    client.ws.terminate()
    await tap.closed()
    tap.redeliver()
    await using second = await connect(tap.url, { acks: false })
    await second.received(1)
    second.ack(1)
    await tap.acked()
    tap.emit(live('b'))
    expect(await second.received(2)).toEqual([1, 2])
  })

  it('bounds the send queue, and goes on behind it', async () => {
    await using tap = await fakeTap({
      events: Array.from({ length: 10_100 }, () => historical('a')),
    })
    expect(tap.outbox.filter(({ inFlight }) => inFlight)).toHaveLength(10_000)
    expect(tap.redeliver()).toBe(0)
    await using _client = new TapClient(tap.url, { acks: true })
    await tap.drained()
    expect(tap.sent).toBe(10_100)
  })

  it('does not send again because of a disconnect', async () => {
    await using tap = await fakeTap({ events: [live('a')] })
    const first = await connect(tap.url)
    await first.received(1)
    await first[Symbol.asyncDispose]()
    await tap.closed()
    await using second = await connect(tap.url)
    expect(await second.settled()).toEqual([])
    tap.redeliver()
    expect(await second.received(1)).toEqual([1])
  })
})

describe('the acks of fakeTap', () => {
  it('may come in any order, twice, and by another connection', async () => {
    await using tap = await fakeTap({ events: [historical('a'), historical('a')] })
    await using first = await connect(tap.url)
    await first.received(2)
    await using second = await connect(tap.url)
    second.ack(2, 2)
    await tap.acked()
    first.ack(1)
    await tap.drained()
    expect(tap.acks).toEqual([
      { id: 2, connection: 2, delivery: 1, stray: true },
      { id: 2, connection: 2, delivery: undefined, stray: true },
      { id: 1, connection: 1, delivery: 1, stray: false },
    ])
  })

  it('delete an event that was never sent', async () => {
    await using tap = await fakeTap({ events: [live('a'), live('a'), live('a')] })
    await using client = await connect(tap.url)
    await client.received(1)
    client.ack(2, 1)
    expect(await client.received(2)).toEqual([1, 3])
    expect(tap.acks[0]).toEqual({ id: 2, connection: 1, delivery: 0, stray: true })
  })

  it.each([
    '{"type":"ack","id":1}{"type":"ack","id":2}',
    '{"type":"ack","id":1} nonsense',
    ' {"id":1,"type":"ack","more":{"a":"}"}} {',
  ])('read the first value of a frame only: %s', async (text) => {
    await using tap = await fakeTap({ events: [historical('a'), historical('a')] })
    await using client = await connect(tap.url)
    await client.received(2)
    client.ws.send(Buffer.from(text), { binary: true })
    await client.settled()
    expect(tap.outbox.map(({ id }) => id)).toEqual([2])
  })

  it.each([
    '{"type":"nack","id":1}',
    '{}',
    'null',
    '{"type":"ack"}',
    '{"type":"ack","id":999999}',
    '{"type":"ack","id":18446744073709551615}',
  ])('ignore %s', async (text) => {
    await using tap = await fakeTap({ events: [live('a')] })
    await using client = await connect(tap.url)
    client.ws.send(text)
    await client.settled()
    expect(tap.outbox).toHaveLength(1)
    expect(client.ws.readyState).toBe(WebSocket.OPEN)
  })

  it.each([
    '',
    'ping',
    '[]',
    '1',
    '"ack"',
    '{"type":"ack","id":',
    '{"type":"ack","id":-1}',
    '{"type":"ack","id":1.5}',
    '{"type":"ack","id":1.0}',
  ])('hang up at %j', async (text) => {
    await using tap = await fakeTap({ events: [live('a')] })
    await using client = await connect(tap.url)
    client.ws.send(text)
    expect(await client.ended).toEqual({ code: 1006, reason: '' })
    expect(tap.outbox).toHaveLength(1)
  })
})

describe('the clients of fakeTap', () => {
  it('share the events and take turns', async () => {
    await using tap = await fakeTap()
    await using first = await connect(tap.url)
    await using second = await connect(tap.url)
    tap.emit(...Array.from({ length: 10 }, () => historical('a')))
    expect(await first.received(5)).toEqual([1, 3, 5, 7, 9])
    expect(await second.received(5)).toEqual([2, 4, 6, 8, 10])
  })

  it('may get a copy that another one got first', async () => {
    await using tap = await fakeTap()
    await using first = await connect(tap.url)
    await using second = await connect(tap.url)
    tap.emit(live('a'))
    await first.received(1)
    tap.redeliver()
    expect(await second.received(1)).toEqual([1])
  })

  it('do not wait for one who does not read', async () => {
    await using tap = await fakeTap()
    await using slow = await connect(tap.url)
    slow.ws.pause()
    await using fast = await connect(tap.url)
    const large = { ...record('a', false), record: { text: 'x'.repeat(200_000) } }
    tap.emit(...Array.from({ length: 200 }, () => large))
    await fast.received(120)
    expect(tap.connections[0]?.sent).toBeLessThan(80)
  })

  it('are never pinged, and answered when they ping', async () => {
    await using tap = await fakeTap()
    await using client = await connect(tap.url)
    let pings = 0
    client.ws.on('ping', () => pings++)
    await client.settled()
    expect(tap.connections[0]).toMatchObject({ pings: 1, pongs: 0 })
    expect(pings).toBe(0)
  })

  it('get no compression and no subprotocol', async () => {
    await using tap = await fakeTap()
    const ws = new WebSocket(`${tap.url}/channel`, { perMessageDeflate: true })
    await once(ws, 'open')
    expect(ws.extensions).toBe('')
    ws.terminate()
  })
})

describe('a restart of fakeTap', () => {
  it('ends all connections with 1006, and sends what is not acked again under its id', async () => {
    await using tap = await fakeTap({ events: [live('a'), live('b'), live('a')], ackFlushMs: 0 })
    await using first = await connect(tap.url)
    await first.received(2)
    first.ack(2)
    await tap.acked()
    tap.restart()
    expect(await first.ended).toEqual({ code: 1006, reason: '' })
    await using second = await connect(tap.url)
    expect(await second.received(1)).toEqual([1])
    expect(second.frames[0]).toBe(first.frames[0])
    second.ack(1)
    expect(await second.received(2)).toEqual([1, 3])
  })

  it('counts on after the highest id that is left, with a gap', async () => {
    await using tap = await fakeTap({ events: [live('a'), live('b'), live('c')], ackFlushMs: 0 })
    await using first = await connect(tap.url)
    await first.received(3)
    first.ack(3)
    await tap.acked()
    tap.restart()
    expect(tap.emit(live('d'))).toEqual([4])
  })

  it('counts from 1 again when it is empty: a stale ack destroys a new event', async () => {
    await using tap = await fakeTap({ events: [live('a'), live('a')], ackFlushMs: 0 })
    await using first = new TapClient(tap.url, { acks: true })
    await tap.drained()
    tap.restart()
    await first.ended
    expect(tap.emit(live('b'), live('b'))).toEqual([1, 2])
    await using second = await connect(tap.url)
    second.ack(2)
    await second.received(1)
    second.ack(1)
    await tap.drained()
    expect(second.ids).toEqual([1])
    expect(tap.acks.slice(2)).toEqual([
      { id: 2, connection: 2, delivery: 0, stray: true },
      { id: 1, connection: 2, delivery: 1, stray: false },
    ])
  })

  it('forgets the newest acks on request', async () => {
    await using tap = await fakeTap({ events: [live('a'), live('b'), live('c')], ackFlushMs: 0 })
    await using _first = new TapClient(tap.url, { acks: true })
    await tap.drained()
    tap.restart({ forgetAcks: 2 })
    await using second = await connect(tap.url)
    expect(await second.received(2)).toEqual([2, 3])
    expect(tap.delivered.slice(-2).map(({ delivery }) => delivery)).toEqual([2, 2])
  })

  it('sends what was acked in the last 10 s again, in order, to clients in turn', async () => {
    await using tap = await fakeTap()
    await using first = await connect(tap.url, { acks: true })
    tap.emit(live('a'), live('b'), live('a'), live('b'))
    await tap.drained()
    expect(first.ids).toEqual([1, 2, 3, 4])
    tap.restart()
    await first.ended
    expect(tap.outbox.map(({ id }) => id)).toEqual([1, 2, 3, 4])
    expect(tap.emit(live('c'))).toEqual([6])
    await using second = await connect(tap.url)
    expect(await second.settled()).toEqual([1, 2, 6])
    await using third = await connect(tap.url)
    second.ack(1, 2, 6)
    const [toSecond, toThird] = [await second.received(4), await third.received(1)]
    expect([toSecond[3], toThird[0]].sort()).toEqual([3, 4])
  })

  it('forgets the acks of the last `ackFlushMs`', async () => {
    await using tap = await fakeTap({ events: [live('a'), live('b')], ackFlushMs: 60_000 })
    await using _first = new TapClient(tap.url, { acks: true })
    await tap.drained()
    tap.restart()
    expect(tap.outbox.map(({ id }) => id)).toEqual([1, 2])
  })

  it('puts the barrier up again, also before what was in flight', async () => {
    await using tap = await fakeTap({ events: [live('a'), live('a')] })
    await using first = await connect(tap.url)
    first.ack(1)
    await first.received(2)
    tap.restart({ forgetAcks: 1 })
    expect(tap.outbox.map(({ inFlight }) => inFlight)).toEqual([true, false])
    await using second = await connect(tap.url)
    await second.received(1)
    expect(tap.redeliver()).toBe(1)
  })
})

describe('fakeTap without acks', () => {
  it('has done with an event once it is written, and ignores acks', async () => {
    await using tap = await fakeTap({
      events: [live('a'), live('a'), live('a')],
      disableAcks: true,
    })
    await using client = await connect(tap.url)
    expect(await client.received(3)).toEqual([1, 2, 3])
    await tap.drained()
    client.ack(1)
    await client.settled()
    expect(tap.acks).toEqual([])
  })

  it('keeps events without a client, makes no copies, and ends at bad messages', async () => {
    await using tap = await fakeTap({ events: [live('a')], disableAcks: true })
    expect(tap.outbox).toHaveLength(1)
    expect(tap.redeliver()).toBe(0)
    await using client = await connect(tap.url)
    await client.received(1)
    client.ws.send('ping')
    expect(await client.ended).toEqual({ code: 1006, reason: '' })
  })
})

describe('generateTapEvents', () => {
  it('makes the same events from the same seed, and others from another', () => {
    const events = (seed: number) => [...generateTapEvents({ seed, count: 500, dids: 10 })]
    expect(events(1)).toEqual(events(1))
    expect(events(2)).not.toEqual(events(1))
  })

  it('makes so many of so many repositories, live as asked', () => {
    const events = [...generateTapEvents({ count: 4_000, dids: 10, live: 0.25 })]
    expect(new Set(events.map(({ did }) => did)).size).toBe(10)
    const records = events.filter((event) => event.type === 'record')
    expect(records.length).toBeGreaterThan(3_800)
    expect(events.length - records.length).toBeGreaterThan(20)
    const share = records.filter((event) => event.live).length / records.length
    expect(Math.abs(share - 0.25)).toBeLessThan(0.05)
    expect(
      [...generateTapEvents({ count: 50, live: false })].some(
        (event) => event.type === 'record' && event.live,
      ),
    ).toBe(false)
  })
})
