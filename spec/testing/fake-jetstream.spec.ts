import { lastValueFrom, take, toArray } from 'rxjs'
import { type FakeJetstream, fakeJetstream, generateEvents } from '../../src/testing/index.js'
import { Client } from './client.js'

const times = (count: number, options = {}): number[] =>
  [...generateEvents({ ...options, count })].map((event) => event.time_us)
const timeOf = (index: number): number => times(index + 1)[index] as number

describe('the log of fakeJetstream', () => {
  it('is played to a first client without a cursor', async () => {
    await using server = await fakeJetstream({ events: 3_000 })
    await using client = new Client(server.url)
    await client.received(3_000)
    expect(client.times).toEqual(times(3_000))
    expect(client.events.slice(0, 50)).toEqual([...generateEvents({ count: 50 })])
    await server.idle()
    expect(server.sent).toBe(3_000)
  })

  it('sends recorded texts byte for byte', async () => {
    const lines = [
      '{"did":"did:plc:a","time_us":5,"kind":"commit" , "commit":{"collection":"a.b.c"}}',
      '{"broken',
      'é\u2028<&>😀',
      '',
    ]
    await using server = await fakeJetstream({ events: lines })
    await using client = new Client(server.url)
    await client.received(lines.length)
    expect(client.frames).toEqual(lines)
  })

  it('sends frames of every length', async () => {
    const lines = [0, 125, 126, 127, 65_535, 65_536, 3_000_000].map((length) => 'x'.repeat(length))
    await using server = await fakeJetstream({ events: lines })
    await using client = new Client(server.url)
    await client.received(lines.length)
    expect(client.frames.map((frame) => frame.length)).toEqual(lines.map((line) => line.length))
  })

  it('is made on demand by a function, and by an iterator', async () => {
    const [event] = [...generateEvents({ count: 1 })]
    if (event === undefined) throw new Error('no event')
    for (const events of [
      (n: number) => (n < 700 ? { ...event, time_us: n } : undefined),
      generateEvents({ count: 700 }),
    ]) {
      await using server = await fakeJetstream({ events })
      await using client = new Client(server.url)
      await client.received(700)
      await server.idle()
      expect(client.frames).toHaveLength(700)
    }
  })

  it('sends no stored events without a cursor, and appends what is emitted', async () => {
    await using server = await fakeJetstream({ events: 100, stored: 'all' })
    await using client = new Client(server.url)
    await server.connected()
    server.emit('{"live":1}')
    await client.received(1)
    expect(client.frames).toEqual(['{"live":1}'])
  })

  it('is paced on request, whoever reads', async () => {
    await using server = await fakeJetstream({ events: 50, ratePerSecond: 500 })
    const startedAt = performance.now()
    await using client = new Client(server.url)
    await client.received(50)
    expect(performance.now() - startedAt).toBeGreaterThan(80)
  })

  it('reaches several clients, each from its own place', async () => {
    await using server = await fakeJetstream({ events: 5_000 })
    await using first = new Client(server.url)
    await first.received(5_000)
    await using second = new Client(server.url, '?cursor=1')
    await using third = new Client(server.url, `?cursor=${timeOf(4_990)}`)
    await Promise.all([second.received(5_000), third.received(10)])
    expect(second.times).toEqual(times(5_000))
    expect(third.times).toEqual(times(5_000).slice(4_990))
  })

  it('escapes like the servers, and keeps other text raw', async () => {
    const [post] = [...generateEvents({ count: 1 })]
    if (post?.kind !== 'commit') throw new Error('no commit')
    const event = {
      ...post,
      commit: { ...post.commit, record: { text: 'a<b & é 😀' } },
    } as typeof post
    await using server = await fakeJetstream({ events: [event] })
    await using client = new Client(server.url)
    await client.received(1)
    expect(client.frames[0]).toContain('a\\u003cb \\u0026 é 😀')
    expect(client.events).toEqual([event])
  })
})

describe('a cursor on a legacy fakeJetstream', () => {
  const from = async (
    server: FakeJetstream,
    cursor: number | string,
    count: number,
  ): Promise<number[]> => {
    await using client = new Client(server.url, `?cursor=${cursor}`)
    await client.received(count)
    return client.times
  }

  it('is inclusive, and replays what follows', async () => {
    await using server = await fakeJetstream({ events: 100, stored: 'all' })
    expect(await from(server, timeOf(60), 40)).toEqual(times(100).slice(60))
    expect(await from(server, timeOf(60) + 1, 39)).toEqual(times(100).slice(61))
  })

  it('goes on exactly where the log goes on after a cut', async () => {
    await using server = await fakeJetstream({
      events: 3_000,
      faults: [{ after: 1_200, do: 'drop' }],
    })
    const first = new Client(server.url)
    expect(await first.ended).toEqual({ code: 1006, reason: '' })
    expect(first.frames).toHaveLength(1_200)
    const rest = await from(server, timeOf(1_199), 1_801)
    expect([...first.times, ...rest.slice(1)]).toEqual(times(3_000))
  })

  it('is clamped in silence when it is older than what is kept', async () => {
    await using byCount = await fakeJetstream({ events: 100, stored: 'all', retainEvents: 10 })
    await using byTime = await fakeJetstream({ events: 100, stored: 'all', retainMs: 20 })
    for (const old of [0, -5, timeOf(3)])
      expect(await from(byCount, old, 10)).toEqual(times(100).slice(90))
    const kept = times(100).filter((time) => time >= timeOf(99) - 20_000)
    expect(await from(byTime, timeOf(3), kept.length)).toEqual(kept)
  })

  it.each([
    ['the newest event and now', timeOf(99) + 1],
    ['times, being a sequence number of a v2 server', 24_664_288_884],
  ])('replays everything when it lies between %s', async (_, cursor) => {
    await using server = await fakeJetstream({ events: 100, stored: 'all' })
    expect(await from(server, cursor, 100)).toEqual(times(100))
  })

  it('works by accident when it counts seconds', async () => {
    await using server = await fakeJetstream({
      events: 100,
      stored: 'all',
      generate: { everyUs: 1_000_000 },
    })
    const spread = times(100, { everyUs: 1_000_000 })
    const second = Math.floor((spread[50] as number) / 1e6)
    const wanted = spread.filter((time) => time >= second * 1e6)
    expect(await from(server, second, wanted.length)).toEqual(wanted)
  })

  it('means live when it lies in the future', async () => {
    await using server = await fakeJetstream({ events: 100, stored: 'all' })
    await using client = new Client(server.url, `?cursor=${(Date.now() + 60_000) * 1000}`)
    await server.connected()
    server.emit('{"live":1}')
    await client.received(1)
    expect(client.frames).toEqual(['{"live":1}'])
  })
})

describe('a cursor on a v2 fakeJetstream', () => {
  const V2 = { server: 'v2', events: 100, stored: 'all', firstSeq: 1_000 } as const
  const seqs = async (
    server: FakeJetstream,
    cursor: number | string,
    count: number,
  ): Promise<(number | undefined)[]> => {
    await using client = new Client(server.url, `?cursor=${cursor}`)
    await client.received(count)
    return client.events.map((event) => event.cursor)
  }

  it('is a sequence number that stands after the time, and is inclusive', async () => {
    await using server = await fakeJetstream(V2)
    expect(await seqs(server, 1_090, 10)).toEqual(Array.from({ length: 10 }, (_, n) => 1_090 + n))
    await using client = new Client(server.url, '?cursor=1099')
    await client.received(1)
    expect(Object.keys(client.events[0] ?? {}).slice(0, 4)).toEqual([
      'did',
      'time_us',
      'cursor',
      'kind',
    ])
  })

  it('is a time from 1e15 on, which the operations of a commit share', async () => {
    await using server = await fakeJetstream(V2)
    const all = times(100, { operationsPerCommit: 3, sharedTime: true })
    expect(new Set(all).size).toBeLessThan(80)
    const shared = all.find((time, index) => all[index + 1] === time) as number
    const first = all.indexOf(shared)
    expect((await seqs(server, shared, 100 - first))[0]).toBe(1_000 + first)
  })

  it('replays the whole unsealed part for a time inside it', async () => {
    await using server = await fakeJetstream({ ...V2, unsealedEvents: 40 })
    const last = times(100, { operationsPerCommit: 3, sharedTime: true })[99] as number
    expect(await seqs(server, last, 40)).toEqual(Array.from({ length: 40 }, (_, n) => 1_060 + n))
  })

  it('is clamped below what is kept, and means live at the end and in the future', async () => {
    await using server = await fakeJetstream({ ...V2, retainEvents: 10 })
    expect(await seqs(server, 0, 10)).toEqual(Array.from({ length: 10 }, (_, n) => 1_090 + n))
    for (const live of [1_100, 1_700_000_000, (Date.now() + 60_000) * 1000]) {
      await using client = new Client(server.url, `?cursor=${live}`)
      await server.connected(server.connections.length + 1)
      server.emit('{"live":1}')
      await client.received(1)
      expect(client.frames).toEqual(['{"live":1}'])
    }
  })
})

describe('restart of fakeJetstream', () => {
  it('closes a v2 server with 1001, drops a legacy one, and keeps the log', async () => {
    for (const server of ['v2', 'legacy'] as const) {
      await using fake = await fakeJetstream({ server, events: 10 })
      const client = new Client(fake.url)
      await client.received(10)
      fake.restart()
      expect(await client.ended).toEqual(
        server === 'v2'
          ? { code: 1001, reason: 'server shutting down' }
          : { code: 1006, reason: '' },
      )
      await using again = new Client(fake.url, '?cursor=1')
      await again.received(10)
      expect(again.frames).toEqual(client.frames)
    }
  })

  it('hands lost sequence numbers out again, to other events', async () => {
    await using server = await fakeJetstream({
      server: 'v2',
      events: 200,
      stored: 100,
      firstSeq: 1_000,
      ratePerSecond: 0.001,
    })
    const client = new Client(server.url, '?cursor=0')
    await client.received(100)
    const before = client.events
    server.restart({ lose: 30 })
    expect((await client.ended).code).toBe(1006)
    server.emit(...[...generateEvents({ seed: 2, count: 30 })])
    await using again = new Client(server.url, '?cursor=1069')
    await again.received(31)
    const after = again.events
    expect(after.map((event) => event.cursor)).toEqual(
      Array.from({ length: 31 }, (_, n) => 1_069 + n),
    )
    expect(after[0]).toEqual(before[69])
    expect(after[1]?.did).not.toBe(before[70]?.did)
  })

  it('never assigns a time twice on a legacy server that reads lost events again', async () => {
    await using server = await fakeJetstream({ events: 50, stored: 'all' })
    server.restart({ lose: 20, again: 'all' })
    await using client = new Client(server.url, '?cursor=0')
    await client.received(50)
    const again = client.events.slice(30)
    expect(client.times.slice(0, 30)).toEqual(times(30))
    expect(Math.min(...again.map((event) => event.time_us))).toBeGreaterThan(timeOf(49))
    expect(again.map(({ did }) => did)).toEqual(
      [...generateEvents({ count: 50 })].slice(30).map(({ did }) => did),
    )
  })

  it.each(['legacy', 'v2'] as const)(
    'gives growing times to what comes after it: %s',
    async (kind) => {
      const events = [...generateEvents({ count: 60 })]
      await using server = await fakeJetstream({ server: kind, events: [], firstSeq: 1_000 })
      server.emit(...events.slice(0, 50))
      server.restart({ lose: 20, again: 'all' })
      // Their own times are earlier than those of the twenty.
      server.emit(...events.slice(50))
      await using client = new Client(server.url, '?cursor=1')
      await client.received(60)
      const { times } = client
      expect(times).toEqual([...new Set(times)].sort((one, other) => one - other))
      expect(client.events.map(({ did }) => did)).toEqual(events.map(({ did }) => did))
    },
  )

  it('gives what a v2 server lost its old numbers, under new times', async () => {
    await using server = await fakeJetstream({
      server: 'v2',
      events: 50,
      stored: 'all',
      firstSeq: 1_000,
    })
    server.restart({ lose: 20, again: 'all' })
    await using client = new Client(server.url, '?cursor=1')
    await client.received(50)
    expect(client.events.map(({ cursor }) => cursor)).toEqual(
      Array.from({ length: 50 }, (_, n) => 1_000 + n),
    )
    expect(client.times[30]).toBeGreaterThan(timeOf(49))
  })

  it('leaves out what compaction removed: its neighbours keep their numbers', async () => {
    await using server = await fakeJetstream({
      server: 'v2',
      events: 10,
      stored: 'all',
      firstSeq: 1_000,
    })
    expect(server.compact(({ seq }) => seq === 1_003)).toBe(1)
    await using client = new Client(server.url, '?cursor=1003')
    await client.received(6)
    expect(client.events[0]?.cursor).toBe(1_004)
  })

  it('stands still by a fault: the same first events for any cursor, then the end', async () => {
    const fault = { onConnect: 1, times: 2, do: 'stand-still', events: 3 } as const
    await using server = await fakeJetstream({ events: 10, stored: 'all', faults: [fault] })
    for (const query of ['?cursor=0', `?cursor=${timeOf(7)}`]) {
      const client = new Client(server.url, query)
      expect(await client.ended).toMatchObject({ code: 1006 })
      expect(client.times).toEqual(times(3))
    }
    expect(server.fired).toHaveLength(2)
  })

  it('never sends the commits of a sync on wire v1, although they are numbered', async () => {
    const [commit] = [...generateEvents({ count: 1 })]
    const sync = {
      did: 'did:web:x',
      time_us: timeOf(1),
      kind: 'sync',
      sync: { did: 'did:web:x', rev: '3l', seq: 1, time: '' },
    } as never
    const row = {
      ...commit,
      did: 'did:web:x',
      time_us: timeOf(2),
      kind: 'commit',
      commit: { rev: '3l', operation: 'delete', collection: 'a.b.c', rkey: 'x' },
    } as never
    const after = { ...commit, time_us: timeOf(3) } as never
    await using server = await fakeJetstream({
      server: 'v2',
      events: [sync, row, after],
      stored: 'all',
      firstSeq: 1_000,
    })
    await using client = new Client(server.url, '?cursor=1')
    await client.received(1)
    expect(client.events[0]?.cursor).toBe(1_002)
  })

  it('numbers waiting events anew when others come before them', async () => {
    await using server = await fakeJetstream({ server: 'v2', events: 10, firstSeq: 5 })
    server.emit(...[...generateEvents({ seed: 2, count: 2 })])
    await using client = new Client(server.url, '?cursor=0')
    await client.received(12)
    expect(client.events.map((event) => event.cursor)).toEqual(
      Array.from({ length: 12 }, (_, n) => 5 + n),
    )
  })
})

describe('what fakeJetstream shows', () => {
  it('is every attempt, connection, message and end', async () => {
    await using server = await fakeJetstream({ events: 5 })
    const client = new Client(server.url, '?wantedCollections=a.b.*&cursor=7', {
      headers: { 'user-agent': 'spec/1' },
    })
    const connection = await server.connected()
    expect(connection).toMatchObject({
      attempt: 1,
      cursor: '7',
      status: 101,
      url: '/subscribe?wantedCollections=a.b.*&cursor=7',
    })
    expect(connection.params.getAll('wantedCollections')).toEqual(['a.b.*'])
    expect(connection.headers['user-agent']).toBe('spec/1')
    client.ws.on('open', () => client.ws.send('{"type":"hi"}'))
    await server.when(() => connection.messages.length > 0)
    expect(connection.messages).toEqual(['{"type":"hi"}'])
    client.ws.close(4_321, 'enough')
    expect((await server.closed()).closed).toEqual({ code: 4_321, reason: 'enough' })
    expect(server.attempts).toHaveLength(1)
  })

  it('is also an Observable of connections that completes at the end', async () => {
    const server = await fakeJetstream()
    await using _first = new Client(server.url)
    await using _second = new Client(server.url)
    expect(await lastValueFrom(server.connections$.pipe(take(2), toArray()))).toEqual(
      server.connections,
    )
    const all = lastValueFrom(server.connections$.pipe(toArray()))
    await server.close()
    expect(await all).toHaveLength(2)
  })
})

describe('the limits of fakeJetstream', () => {
  const LARGE = 'x'.repeat(100_000)

  it('cut a live reader without a close frame when its outbox is full', async () => {
    await using server = await fakeJetstream({ outboxEvents: 100 })
    const client = new Client(server.url)
    await server.connected()
    client.ws.on('open', () => client.ws.pause())
    while (server.connections[0]?.closed === undefined) {
      server.emit(LARGE, LARGE)
      await new Promise(setImmediate)
    }
    client.ws.resume()
    expect((await client.ended).code).toBe(1006)
    expect(server.connections[0]?.sent).toBeGreaterThan(client.frames.length - 1)
  })

  it('do not cut a reader that takes a burst at once', async () => {
    await using server = await fakeJetstream({ outboxEvents: 10 })
    await using client = new Client(server.url)
    await server.connected()
    for (let n = 0; n < 200; n++) server.emit(`{"n":${n}}`)
    await client.received(200)
    expect(server.connections[0]?.closed).toBeUndefined()
  })

  it('cut a reader that blocks a write for too long', async () => {
    await using server = await fakeJetstream({
      server: 'v2',
      events: () => LARGE,
      retainEvents: 1_000,
      writeTimeoutMs: 100,
    })
    const client = new Client(server.url)
    client.ws.on('open', () => client.ws.pause())
    await server.closed()
    client.ws.resume()
    expect((await client.ended).code).toBe(1006)
  })

  it('ping every open connection, but none that waits for its hello', async () => {
    await using server = await fakeJetstream({ pingEveryMs: 5 })
    await using waiting = new Client(server.url, '?requireHello=true')
    await using client = new Client(server.url)
    await server.connected(2)
    await new Promise<void>((resolve) => client.ws.on('ping', () => client.pings > 1 && resolve()))
    expect({ waiting: waiting.pings, open: client.pings > 1 }).toEqual({ waiting: 0, open: true })
  })
})
