import { once } from 'node:events'
import { fakeJetstream, generateEvents } from '../../src/testing/index.js'
import { Client, refusalOf } from './client.js'

const EVENTS = [...generateEvents({ seed: 3, count: 400, repos: 20 })]
const isPost = (collection: string): boolean => collection.startsWith('app.bsky.feed.')
const LARGE = 600

/** `wantedCollections=a.b.c0&wantedCollections=a.b.c1…` */
const many = (name: string, count: number, value: (n: number) => string): string =>
  `?${Array.from({ length: count }, (_, n) => `${name}=${encodeURIComponent(value(n))}`).join('&')}`

describe('a filter of fakeJetstream', () => {
  const framesOf = async (query: string, server: 'legacy' | 'v2' = 'legacy'): Promise<Client> => {
    await using fake = await fakeJetstream({ events: EVENTS, server })
    await using client = new Client(fake.url, query)
    await fake.connected()
    await fake.idle()
    await client.received(fake.sent)
    return client
  }

  it('on collections looks at commits only, by name or by prefix', async () => {
    const client = await framesOf(
      '?wantedCollections=app.bsky.feed.*&wantedCollections=app.bsky.graph.block',
    )
    const wanted = EVENTS.filter(({ kind, ...event }) => {
      const collection =
        kind === 'commit' && 'commit' in event ? event.commit.collection : undefined
      return collection === undefined || isPost(collection) || collection === 'app.bsky.graph.block'
    })
    expect(client.events).toEqual(wanted)
    expect(wanted.some((event) => event.kind !== 'commit')).toBe(true)
  })

  it('on DIDs looks at every kind, and is combined with the other', async () => {
    const did = EVENTS.find((event) => event.kind === 'account')?.did ?? ''
    const client = await framesOf(`?wantedDids=${did}&wantedCollections=no.such.*`)
    expect(client.events).toEqual(
      EVENTS.filter((event) => event.did === did && event.kind !== 'commit'),
    )
    expect(client.events.length).toBeGreaterThan(0)
  })

  it('does not take a prefix for more than its letters', async () => {
    expect(
      (await framesOf('?wantedCollections=app.bsky.fee.*')).events.every(
        (event) => event.kind !== 'commit',
      ),
    ).toBe(true)
  })

  it('on the size leaves longer messages out in silence', async () => {
    const client = await framesOf(`?maxMessageSizeBytes=${LARGE}`)
    expect(client.events).toEqual(
      EVENTS.filter((event) => Buffer.byteLength(JSON.stringify(event)) <= LARGE),
    )
    expect(client.frames.length).toBeLessThan(400)
    for (const ignored of ['', 'abc', '-1'])
      expect((await framesOf(`?maxMessageSizeBytes=${ignored}`)).frames).toHaveLength(400)
  })
})

describe('fakeJetstream refuses like a legacy server', () => {
  it.each([
    ['?wantedCollections=nope', 'invalid subscriber options: invalid collection: nope'],
    [
      '?wantedCollections=app.bsky.fo*',
      'invalid subscriber options: invalid collection: app.bsky.fo*',
    ],
    ['?wantedDids=nope', 'invalid subscriber options'],
    [
      many('wantedCollections', 101, (n) => `a.b.c${n}`),
      'invalid subscriber options: too many wanted collections',
    ],
    [
      many('wantedCollections', 101, () => 'a.b.*'),
      'invalid subscriber options: too many wanted collections',
    ],
    [
      many('wantedDids', 10_001, (n) => `did:web:a${n}`),
      'invalid subscriber options: too many wanted DIDs',
    ],
    ['?cursor=abc', 'invalid cursor: abc'],
    ['?cursor=1.5', 'invalid cursor: 1.5'],
    ['?cursor=99999999999999999999', 'invalid cursor: 99999999999999999999'],
  ])('%.40s', async (query, body) => {
    await using server = await fakeJetstream()
    expect(await refusalOf(server.url, query)).toMatchObject({ status: 400, body })
    expect(server.attempts).toMatchObject([{ status: 400 }])
    expect(server.connections).toEqual([])
  })

  it('but takes 100 names, however often each comes, and any prefix', async () => {
    await using server = await fakeJetstream()
    await using _names = new Client(
      server.url,
      many('wantedCollections', 300, (n) => `a.b.c${n % 100}`),
    )
    await using _prefix = new Client(server.url, '?wantedCollections=x.*')
    expect(await server.connected(2)).toMatchObject({ status: 101 })
  })

  it('and knows one path only', async () => {
    await using server = await fakeJetstream()
    const http = `http://127.0.0.1:${server.port}`
    expect((await fetch(`${http}/xrpc/network.bsky.jetstream.subscribeEvents`)).status).toBe(404)
    expect((await fetch(`${http}/subscribe`)).status).toBe(400)
  })
})

describe('fakeJetstream refuses like a v2 server', () => {
  it.each([
    ['?wantedCollections=nope', 'subscribe: invalid options: invalid collection: nope\n'],
    ['?wantedCollections=', 'subscribe: invalid options: invalid collection: \n'],
    ['?wantedDids=nope', 'subscribe: invalid options: invalid DID: nope\n'],
    ['?wantedDids=%zz', 'subscribe: invalid options: invalid URL escape "%zz"\n'],
    ['?a=1;b=2', 'subscribe: invalid options: invalid semicolon separator in query\n'],
    [
      many('wantedCollections', 101, (n) => `a.b.c${n}`),
      'subscribe: invalid options: too many wanted collections: > 100\n',
    ],
    [
      `${many('wantedDids', 10_000, (n) => `did:web:a${n}`)}&cursor=1`,
      'subscribe: invalid options: number of URL query parameters exceeded limit\n',
    ],
    ['?cursor=-1', 'subscribe: invalid cursor: negative value -1\n'],
    ['?cursor=abc', 'subscribe: invalid cursor: "abc"\n'],
    ['?cursor=99999999999999999999', 'subscribe: invalid cursor: "99999999999999999999"\n'],
  ])('%.40s', async (query, body) => {
    await using server = await fakeJetstream({ server: 'v2' })
    expect(await refusalOf(server.url, query)).toMatchObject({ status: 400, body })
  })

  it('deflate beside zstd, a URL over 1 MB, and a request without an upgrade', async () => {
    await using server = await fakeJetstream({ server: 'v2' })
    const both = await refusalOf(server.url, '?compress=true', { perMessageDeflate: true })
    expect(both).toMatchObject({
      status: 400,
      body: expect.stringContaining('choose one compression scheme'),
    })
    expect((await refusalOf(server.url, `?x=${'a'.repeat(1_100_000)}`)).status).toBe(431)
    expect((await fetch(`http://127.0.0.1:${server.port}/subscribe`)).status).toBe(426)
  })
})

describe('an options update', () => {
  const update = (payload: unknown): string => JSON.stringify({ type: 'options_update', payload })

  it('replaces every filter, and is not answered', async () => {
    await using server = await fakeJetstream()
    await using client = new Client(server.url, '?wantedCollections=a.b.c&wantedDids=did:web:x')
    await once(client.ws, 'open')
    client.ws.send(update({ wantedCollections: ['app.bsky.feed.like'] }))
    await server.when(() => server.connections[0]?.messages.length === 1)
    server.emit(...EVENTS)
    const wanted = EVENTS.filter(
      (event) => event.kind !== 'commit' || event.commit.collection === 'app.bsky.feed.like',
    )
    await client.received(wanted.length)
    await server.idle()
    expect(client.events).toEqual(wanted)
  })

  it.each([
    ['legacy', 400],
    [
      'v2',
      EVENTS.filter(
        (event) => Buffer.byteLength(JSON.stringify({ ...event, cursor: 24_000_000_000 })) <= LARGE,
      ).length,
    ],
  ] as const)('on a %s server leaves %d events to a new size limit', async (kind, count) => {
    await using server = await fakeJetstream({ server: kind })
    await using client = new Client(server.url)
    await once(client.ws, 'open')
    client.ws.send(update({ maxMessageSizeBytes: LARGE }))
    await server.when(() => server.connections[0]?.messages.length === 1)
    server.emit(...EVENTS)
    await server.idle()
    expect(server.sent).toBe(count)
  })

  const long = `x${'y'.repeat(200)}`
  it.each([
    ['legacy', 'hello', 1000, 'failed to unmarshal subscriber sourced message: '],
    ['legacy', update('x'), 1000, 'failed to unmarshal subscriber options update: '],
    [
      'legacy',
      '{"type":"options_update"}',
      1000,
      'failed to unmarshal subscriber options update: ',
    ],
    [
      'legacy',
      update({ maxMessageSizeBytes: '240' }),
      1000,
      'failed to unmarshal subscriber options update: ',
    ],
    [
      'legacy',
      update({ wantedCollections: ['nope'] }),
      1000,
      'failed to parse subscriber options: invalid subscriber options: invalid collection: nope',
    ],
    ['legacy', update({ wantedCollections: [long] }), 1006, ''],
    ['v2', 'hello', 1007, 'bad SubscriberSourcedMessage envelope'],
    ['v2', '[]', 1007, 'bad SubscriberSourcedMessage envelope'],
    ['v2', '{"type":5}', 1007, 'bad SubscriberSourcedMessage envelope'],
    ['v2', '{"type":"options_update"}', 1007, 'bad options_update payload'],
    ['v2', update({ wantedCollections: 'app.bsky.feed.like' }), 1007, 'bad options_update payload'],
    ['v2', update({ wantedDids: ['nope'] }), 1008, 'subscribe: invalid options: invalid DID: nope'],
    [
      'v2',
      update({ wantedCollections: [long] }),
      1008,
      `subscribe: invalid options: invalid collection: ${long}`.slice(0, 120).concat('...'),
    ],
    ['v2', 'x'.repeat(10_000_001), 1009, 'read limited at 10000001 bytes'],
  ] as const)(
    'ends a %s connection that sends %.60s with %d',
    async (kind, message, code, reason) => {
      await using server = await fakeJetstream({ server: kind })
      const client = new Client(server.url)
      await once(client.ws, 'open')
      client.ws.send(message)
      const ended = await client.ended
      expect(ended.code).toBe(code)
      expect(ended.reason.startsWith(reason)).toBe(true)
    },
  )

  it.each(['null', '{"type":"ping"}', update(null), Buffer.from('{')])(
    'leaves a connection open that sends %s',
    async (message) => {
      for (const kind of ['legacy', 'v2'] as const) {
        await using server = await fakeJetstream({ server: kind })
        await using client = new Client(server.url)
        await once(client.ws, 'open')
        client.ws.send(message)
        await server.when(() => server.connections[0]?.messages.length === 1)
        server.emit('{"open":true}')
        await client.received(1)
      }
    },
  )
})

describe('requireHello', () => {
  const hello =
    '{"type":"options_update","payload":{"wantedCollections":["app.bsky.graph.follow"]}}'
  const follows = EVENTS.filter(
    (event) => event.kind !== 'commit' || event.commit.collection === 'app.bsky.graph.follow',
  )

  const greeted = async (kind: 'legacy' | 'v2', query: string): Promise<number> => {
    await using server = await fakeJetstream({ server: kind })
    await using client = new Client(server.url, `?requireHello=true${query}`)
    await once(client.ws, 'open')
    server.emit(...EVENTS)
    expect(server.sent).toBe(0)
    client.ws.send(hello)
    await server.when(() => server.connections[0]?.messages.length === 1)
    server.emit('{"live":1}')
    await server.idle()
    await client.received(server.sent)
    expect(client.frames.at(-1)).toBe('{"live":1}')
    return server.sent - 1
  }

  it('makes a legacy server hold events, then send them unfiltered by the update', async () => {
    expect(await greeted('legacy', '')).toBe(EVENTS.length)
  })

  it('begins at the hello on a v2 server', async () => {
    expect(await greeted('v2', '')).toBe(0)
  })

  it('keeps the cursor, and filters the replay', async () => {
    await using server = await fakeJetstream({ events: EVENTS, stored: 'all' })
    await using client = new Client(server.url, '?requireHello=true&cursor=0')
    await once(client.ws, 'open')
    client.ws.send(hello)
    await client.received(follows.length)
    await server.idle()
    expect(client.events).toEqual(follows)
  })
})

describe('compress=true', () => {
  it('sends what `compress` makes of the JSON, as binary frames', async () => {
    await using server = await fakeJetstream({
      events: ['{"n":1}'],
      compress: (json) => Buffer.from(json).reverse(),
    })
    await using client = new Client(server.url, '?compress=true')
    const [data, isBinary] = await once(client.ws, 'message')
    expect({ data: String(data), isBinary }).toEqual({ data: '}1:"n"{', isBinary: true })
  })
})
