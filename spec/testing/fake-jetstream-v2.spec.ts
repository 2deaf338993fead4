import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { JetstreamEvent } from '../../src/events.js'
import {
  type FakeJetstream,
  type FakeJetstreamOptions,
  fakeJetstream,
  generateEvents,
} from '../../src/testing/index.js'
import { linesOf } from '../helpers/recordings.js'
import { Client, refusalOf } from './client.js'

const PATH = '/xrpc/network.bsky.jetstream.subscribeEvents'
const v2 = (options: FakeJetstreamOptions = {}) =>
  fakeJetstream({ server: 'v2', firstSeq: 1_000, ...options })
const urlOf = (server: FakeJetstream): string => `ws://${server.host}${PATH}`

interface V2Frame {
  readonly $type: string
  readonly payload: {
    readonly $type: string
    readonly seq?: number
    readonly [member: string]: unknown
  }
}
const framesOf = (client: Client): readonly V2Frame[] =>
  client.frames.map((frame) => JSON.parse(frame))
const seqsOf = (client: Client) => framesOf(client).map(({ payload }) => payload.seq)

const EVENTS = [...generateEvents({ seed: 3, count: 400, repos: 20 })]
const many = (name: string, count: number, value: (n: number) => string): string =>
  `?${Array.from({ length: count }, (_, n) => `${name}=${encodeURIComponent(value(n))}`).join('&')}`

/** All that a query gets of {@link EVENTS}. */
async function answerTo(query: string): Promise<readonly V2Frame[]> {
  await using server = await v2({ events: EVENTS })
  await using client = new Client(urlOf(server), query)
  await server.connected()
  await server.idle()
  await client.received(server.sent)
  return framesOf(client)
}

describe('wire v2 of fakeJetstream', () => {
  it('wraps each event, with its keys in order and six digits of the second', async () => {
    const [commit, identity] = ['commit', 'identity'].map((wanted) =>
      EVENTS.find(({ kind }) => kind === wanted),
    )
    await using server = await v2({ events: [commit, identity] as readonly JetstreamEvent[] })
    await using client = new Client(urlOf(server))
    await client.received(2)
    const [first, second] = framesOf(client)
    expect(first?.$type).toBe('message')
    expect(Object.keys(first?.payload ?? {})).toEqual([
      '$type',
      'cid',
      'collection',
      'did',
      'operation',
      'record',
      'rev',
      'rkey',
      'seq',
      'time',
    ])
    expect(first?.payload).toMatchObject({
      $type: 'network.bsky.jetstream.subscribeEvents#commit',
      seq: 1_000,
      did: commit?.did,
    })
    expect(first?.payload.time).toBe(
      `${new Date((commit?.time_us ?? 0) / 1000).toISOString().slice(0, 19)}.` +
        `${String((commit?.time_us ?? 0) % 1e6).padStart(6, '0')}Z`,
    )
    expect(second?.payload).toMatchObject({
      $type: 'network.bsky.jetstream.subscribeEvents#identity',
      seq: 1_001,
    })
    expect(Object.keys(second?.payload ?? {})).toEqual(['$type', 'did', 'identity', 'seq', 'time'])
  })

  it('sends a v2 frame unchanged, and translates it on wire v1 without notices', async () => {
    const frame = (kind: string, members: object) =>
      JSON.stringify({
        $type: 'message',
        payload: { $type: `network.bsky.jetstream.subscribeEvents#${kind}`, ...members },
      })
    const time = '2026-11-21T12:59:49.385439Z'
    const commit = { rev: '3k', operation: 'delete', collection: 'a.b.c', rkey: 'r' }
    const lines = [
      frame('commit', { seq: 5, did: 'did:web:x', time, ...commit }),
      frame('sync', { seq: 6, did: 'did:web:x', time, sync: {} }),
      frame('info', { name: 'Novelty' }),
      frame('account', { seq: 7, did: 'did:web:x', time, account: { active: true } }),
    ]
    await using server = await v2({ events: lines, stored: 'all' })
    await using two = new Client(urlOf(server), '?cursor=5')
    await using one = new Client(server.url, '?cursor=5')
    await Promise.all([two.received(4), one.received(2)])
    expect(two.frames).toEqual(lines)
    const time_us = 1_795_265_989_385_439
    expect(one.frames.map((text) => JSON.parse(text))).toEqual([
      { did: 'did:web:x', time_us, cursor: 5, kind: 'commit', commit },
      { did: 'did:web:x', time_us, cursor: 7, kind: 'account', account: { active: true } },
    ])
  })

  it('shows #sync events to those who read wire v2', async () => {
    const sync = {
      did: 'did:web:x',
      time_us: 1_795_265_989_385_439,
      kind: 'sync',
      sync: { rev: '3k' },
    } as unknown as JetstreamEvent
    await using server = await v2({ events: [sync] })
    await using client = new Client(urlOf(server))
    await client.received(1)
    expect(framesOf(client)[0]?.payload).toMatchObject({
      $type: `${PATH.slice(6)}#sync`,
      sync: { rev: '3k' },
      seq: 1_000,
    })
  })

  it('selects xrpc.v1.json where that is offered, and nothing where another is', async () => {
    await using server = await v2()
    for (const [offered, selected] of [
      ['xrpc.v1.json', 'xrpc.v1.json'],
      ['XRPC.V1.JSON', 'Server sent no subprotocol'],
    ] as const) {
      const ws = new WebSocket(urlOf(server), offered)
      const met = new Promise((resolve) =>
        ws.on('open', () => resolve(ws.protocol)).on('error', (error) => resolve(error.message)),
      )
      expect(await met).toBe(selected)
      ws.terminate()
    }
    await using bare = new Client(urlOf(server), '?unknown=1')
    await once(bare.ws, 'open')
  })

  it('ends with 1008 when the client says anything', async () => {
    await using server = await v2()
    const client = new Client(urlOf(server))
    await once(client.ws, 'open')
    client.ws.send('{}')
    expect(await client.ended).toEqual({ code: 1008, reason: 'unexpected data message' })
  })

  it('ends with an error frame where a fault says so', async () => {
    await using server = await v2({
      events: 20,
      faults: [{ after: 10, do: 'error', error: 'ConsumerTooSlow', message: 'reconnect' }],
    })
    const client = new Client(urlOf(server))
    expect((await client.ended).code).toBe(1006)
    expect(client.frames).toHaveLength(11)
    expect(client.frames[10]).toBe(
      '{"$type":"error","error":"ConsumerTooSlow","message":"reconnect"}',
    )
  })
})

describe('the filters of wire v2', () => {
  it('on kinds, collections, DIDs and size are combined', async () => {
    const likes = await answerTo('?kinds=commit&collections=app.bsky.feed.*')
    const wanted = EVENTS.filter(
      (event) => event.kind === 'commit' && event.commit.collection.startsWith('app.bsky.feed.'),
    )
    expect(likes).toHaveLength(wanted.length)
    const others = await answerTo('?kinds=identity&kinds=account')
    expect(others).toHaveLength(EVENTS.filter(({ kind }) => kind !== 'commit').length)
    const did = EVENTS.find(({ kind }) => kind === 'account')?.did ?? ''
    expect(await answerTo(`?dids=${did}`)).toHaveLength(
      EVENTS.filter((event) => event.did === did).length,
    )
    const small = await answerTo('?maxMessageSizeBytes=600')
    expect(small.length).toBeLessThan(400)
    expect(
      Math.max(...small.map((frame) => Buffer.byteLength(JSON.stringify(frame)))),
    ).toBeLessThanOrEqual(600)
  })
})

describe('a cursor on wire v2', () => {
  const oldest = (options: FakeJetstreamOptions = {}) =>
    v2({ events: EVENTS.slice(0, 100), stored: 'all', retainEvents: 10, ...options })

  it('is inclusive by number and by time', async () => {
    await using server = await v2({ events: EVENTS.slice(0, 100), stored: 'all' })
    await using byNumber = new Client(urlOf(server), '?cursor=1095')
    const time = EVENTS[95]?.time_us ?? 0
    await using byTime = new Client(urlOf(server), `?cursor=${time}`)
    const first = EVENTS.findIndex((event) => event.time_us === time)
    await Promise.all([byNumber.received(5), byTime.received(100 - first)])
    expect(seqsOf(byNumber)).toEqual([1_095, 1_096, 1_097, 1_098, 1_099])
    expect(seqsOf(byTime)[0]).toBe(1_000 + first)
  })

  it('is refused when its number is gone, with the floor', async () => {
    await using server = await oldest()
    for (const cursor of [0, 1, 1_089]) {
      const { status, body } = await refusalOf(urlOf(server), `?cursor=${cursor}`)
      expect(status).toBe(400)
      const message =
        `subscribe: cursor too old: cursor ${cursor} below lookback floor 1090; ` +
        're-backfill ' +
        'from your last seq'
      expect(JSON.parse(body)).toEqual({ error: 'CursorTooOld', message })
    }
    await using whole = await v2({ events: 10, stored: 'all' })
    await using client = new Client(urlOf(whole), '?cursor=0')
    await client.received(10)
  })

  it('is clamped when its time is gone, and says so first', async () => {
    await using server = await oldest()
    await using client = new Client(urlOf(server), '?cursor=1700000000000000')
    await client.received(11)
    expect(framesOf(client)[0]?.payload).toEqual({
      $type: 'network.bsky.jetstream.subscribeEvents#info',
      name: 'OutdatedCursor',
      message: 'requested timestamp cursor below retention floor; starting at seq 1090',
    })
    expect(seqsOf(client)[1]).toBe(1_090)
  })

  it.each([false, true])(
    'is live past the end, and says so only on later servers (%p)',
    async (tellsFutureCursors) => {
      await using server = await oldest({ tellsFutureCursors })
      await using client = new Client(urlOf(server), '?cursor=2000')
      await server.connected()
      server.emit('{"live":1}')
      await client.received(tellsFutureCursors ? 2 : 1)
      expect(client.frames.at(-1)).toBe('{"live":1}')
      if (tellsFutureCursors) expect(framesOf(client)[0]?.payload.name).toBe('FutureCursor')
    },
  )
})

describe('fakeJetstream refuses on wire v2 like the server', () => {
  it.each([
    ['?kinds=commits', 'unknown kind "commits" (valid: commit, identity, account, sync)'],
    [
      '?kinds=commit&kinds=identity&kinds=account&kinds=sync&kinds=sync',
      'too many kinds values: 5 > 4',
    ],
    ['?collections=nope', 'invalid collection: nope'],
    ['?collections=app.*', 'invalid collection wildcard: app.*'],
    ['?collections=not_an_nsid.*', 'invalid collection wildcard: not_an_nsid.*'],
    [
      many('collections', 101, () => 'app.bsky.feed.post'),
      'too many collections values: 101 > 100',
    ],
    [
      '?collections=app.bsky.feed.like&kinds=identity',
      'collections filter can never apply: kinds excludes commit',
    ],
    ['?dids=nope', 'invalid DID: nope'],
    ['?dids=%zz', 'invalid URL escape "%zz"'],
    [
      `${many('dids', 10_000, (n) => `did:web:a${n}`)}&cursor=1`,
      'number of URL query parameters exceeded limit',
    ],
    [
      '?wantedCollections=app.bsky.feed.post',
      'wantedCollections is the legacy /subscribe parameter; use collections',
    ],
    ['?wantedDids=did:plc:x', 'wantedDids is the legacy /subscribe parameter; use dids'],
    [
      '?requireHello=true',
      expect.stringContaining('requireHello is not supported on this endpoint'),
    ],
    ['?maxMessageSizeBytes=', 'maxMessageSizeBytes must be one unsigned 32-bit integer'],
    ['?maxMessageSizeBytes=-1', 'invalid maxMessageSizeBytes "-1"'],
    ['?maxMessageSizeBytes=4294967296', 'invalid maxMessageSizeBytes "4294967296"'],
  ])('%.60s', async (query, message) => {
    await using server = await v2()
    const { status, body, headers } = await refusalOf(urlOf(server), query)
    expect(status).toBe(400)
    expect(headers['content-type']).toBe('application/json')
    const said = JSON.parse(body)
    expect(said.error).toBe('InvalidRequest')
    expect(said.message.replace('subscribe: invalid options: ', '')).toEqual(message)
  })

  it.each([
    ['-1', 'negative value -1'],
    ['abc', '"abc"'],
    ['99999999999999999999', '"99999999999999999999"'],
  ])('the cursor %s', async (cursor, shown) => {
    await using server = await v2()
    const { body } = await refusalOf(urlOf(server), `?cursor=${cursor}`)
    expect(JSON.parse(body)).toEqual({
      error: 'InvalidRequest',
      message: `subscribe: invalid cursor: ${shown}`,
    })
  })

  it('with the escapes of Go, the compression of wire v1, and methods that it lacks', async () => {
    await using server = await v2()
    expect((await refusalOf(urlOf(server), '?compress=true')).body).toContain(
      'zstdDictionary=\\u003cid\\u003e',
    )
    expect(
      (await refusalOf(urlOf(server), '', { headers: { 'Socket-Encoding': 'zstd' } })).body,
    ).toContain('compress=true / Socket-Encoding')
    const http = `http://${server.host}`
    expect((await fetch(`${http}${PATH}`)).status).toBe(426)
    const posted = await fetch(`${http}${PATH}`, { method: 'POST' })
    expect(await posted.json()).toEqual({
      error: 'MethodNotImplemented',
      message: `method not implemented: ${PATH.slice(6)}`,
    })
    expect((await fetch(`${http}/xrpc/network.bsky.jetstream.nope`)).status).toBe(501)
    expect((await fetch(`${http}/subscribe`, { method: 'POST' })).status).toBe(405)
    expect(
      (await refusalOf(`ws://${server.host}/xrpc/network.bsky.jetstream.subscribe`)).status,
    ).toBe(501)
  })

  it('a legacy server knows nothing of it', async () => {
    await using server = await fakeJetstream()
    expect((await refusalOf(urlOf(server))).status).toBe(404)
    expect(
      (await fetch(`http://${server.host}/xrpc/network.bsky.jetstream.getZstdDictionary`)).status,
    ).toBe(404)
  })
})

describe('fakeJetstream beside a recording of a running server', () => {
  it('writes the same bytes on wire v2, from what that server wrote on wire v1', async () => {
    const frames = new Map(
      linesOf('simulator/v2.ndjson').map((line) => [JSON.parse(line).payload.seq, line]),
    )
    const lines = linesOf('simulator/v1.ndjson')
    await using server = await v2({ events: lines, stored: 'all' })
    await using client = new Client(urlOf(server), '?cursor=1')
    await client.received(lines.length)
    const different = client.frames.filter(
      (frame) => frame !== frames.get(JSON.parse(frame).payload.seq),
    )
    // A number above 2^53, which no parser of JavaScript keeps.
    expect(different).toHaveLength(1)
    expect(JSON.parse(different[0] ?? '')).toEqual(
      JSON.parse(frames.get(JSON.parse(different[0] ?? '').payload.seq) ?? ''),
    )
  })

  it('and the same on wire v1, from what it wrote on wire v2', async () => {
    const lines = linesOf('simulator/v1.ndjson')
    const known = new Set(lines.map((line) => JSON.parse(line).cursor))
    const frames = linesOf('simulator/v2.ndjson').filter((line) =>
      known.has(JSON.parse(line).payload.seq),
    )
    await using server = await v2({ events: frames, stored: 'all' })
    await using client = new Client(server.url, '?cursor=1')
    await client.received(lines.length)
    const different = client.frames.filter((frame, index) => frame !== lines[index])
    expect(different).toHaveLength(1)
  })
})
