import { Agent } from 'node:https'
import { env } from 'node:process'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { firstValueFrom, lastValueFrom, type Observable, take, toArray } from 'rxjs'
import {
  archive$,
  firehose$,
  type HttpAgent,
  jetstream$,
  labels$,
  listRepos$,
  type StreamMetrics,
  streamMetrics,
  tap$,
  tapAdmin,
  tapRepos$,
} from '../../src/index.js'
import {
  fakeArchive,
  fakeFirehose,
  fakeJetstream,
  fakeLabels,
  fakeRepos,
  fakeTap,
} from '../../src/testing/index.js'
import { HttpProxy } from '../helpers/http-proxy.js'
import { CERTIFICATE, EXPIRED_CERTIFICATE } from '../socket/certificate.js'
import { secureServer, tlsFront } from '../socket/servers.js'
import { dictionaryOf, ONE } from '../zstd/frames.js'

const DID = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz'
const PASSWORD = 'me:sesame'
const SOON = { initialDelayMs: 10, jitter: 'none' } as const

interface Reached {
  readonly host: string
  readonly url: string
}

/** Each way of this library to reach a server, how many connections that takes, what it brings. */
const WAYS: readonly (readonly [
  string,
  number,
  () => Promise<Reached & AsyncDisposable>,
  (server: Reached, agent: HttpAgent | undefined) => Promise<unknown>,
])[] = [
  [
    'jetstream$ and its dictionary',
    2,
    () => fakeJetstream({ server: 'v2', events: 20, dictionary: dictionaryOf(ONE) }),
    async ({ host }, agent) => {
      const metrics$ = streamMetrics()
      const config = { host, wire: 'v2', compress: true, agent, metrics$ } as const
      await some(jetstream$(config))
      return metrics$.value.compression.name
    },
  ],
  [
    'archive$',
    2,
    () => fakeArchive({ events: 50, sealed: 40 }),
    ({ host }, agent) => some(archive$({ host, agent })),
  ],
  [
    'firehose$',
    1,
    () => fakeFirehose({ events: 20, stored: 'all' }),
    ({ url }, agent) => some(firehose$({ host: url, cursor: 'oldest', agent })),
  ],
  [
    'labels$',
    1,
    () => fakeLabels({ events: 20, stored: 'all' }),
    ({ url }, agent) => some(labels$({ host: url, cursor: 'oldest', agent })),
  ],
  ['tap$', 1, () => fakeTap({ events: 20 }), ({ url }, agent) => some(tap$({ host: url, agent }))],
  [
    'listRepos$',
    3,
    () => fakeRepos({ repos: 25 }),
    ({ url }, agent) => lastValueFrom(listRepos$({ host: url, limit: 10, agent })),
  ],
  [
    'tapAdmin',
    1,
    () => fakeTap(),
    ({ host }, agent) =>
      tapAdmin({ host, agent })
        .addRepos([DID])
        .then(() => 'added'),
  ],
  [
    'tapRepos$',
    1,
    () => fakeTap(),
    ({ host }, agent) => firstValueFrom(tapRepos$({ host, dids: [DID], agent })),
  ],
]

const some = <Event>(source$: Observable<Event>): Promise<readonly Event[]> =>
  lastValueFrom(source$.pipe(take(5), toArray()))

afterEach(() => {
  for (const name of ['NODE_USE_ENV_PROXY', 'HTTP_PROXY', 'HTTPS_PROXY']) delete env[name]
})

describe.each(WAYS)('%s', (_, connections, open, read) => {
  it('goes through `agent` alone', async () => {
    await using server = await open()
    await using proxy = await HttpProxy.open({ credentials: PASSWORD })
    const agent = new HttpsProxyAgent(proxy.url)
    expect(await read(server, agent)).toBeTruthy()
    const { host } = new URL(server.url)
    expect(proxy.requests).toEqual(Array(connections).fill(`CONNECT ${host}`))
  })

  it('goes through the proxy of the environment alone', async () => {
    await using server = await open()
    await using proxy = await HttpProxy.open({ credentials: PASSWORD })
    Object.assign(env, { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.url })
    expect(await read(server, undefined)).toBeTruthy()
    const { host } = new URL(server.url)
    expect(proxy.requests).toHaveLength(connections)
    expect(proxy.requests.filter((line) => !line.includes(host))).toEqual([])
  })
})

describe('a stream', () => {
  it('waits for a certificate to be renewed, says why, and then goes on', async () => {
    await using server = await fakeJetstream({ events: 20, stored: 'all' })
    await using front = await tlsFront(server.url, EXPIRED_CERTIFICATE)
    const metrics$ = streamMetrics()
    const waits: StreamMetrics['connection'][] = []
    metrics$.subscribe(({ connection }) => {
      if (connection.state !== 'waiting') return
      waits.push(connection)
      front.renew(CERTIFICATE)
    })
    const agent = new Agent({ ca: [CERTIFICATE, EXPIRED_CERTIFICATE] })
    const config = { host: front.url, wire: 'v1', cursor: 'oldest', agent, metrics$ } as const
    expect(await some(jetstream$({ ...config, reconnect: SOON }))).toHaveLength(5)
    expect(waits).toMatchObject([{ reason: { code: 'TLS_EXPIRED' } }])
  })

  it('goes on at the next host where a certificate is not trusted', async () => {
    await using server = await fakeJetstream({ events: 20, stored: 'all' })
    await using front = await secureServer(CERTIFICATE)
    const metrics$ = streamMetrics()
    const codes: unknown[] = []
    metrics$.subscribe(({ connection }) => {
      if (connection.state === 'waiting') codes.push(connection.reason.code)
    })
    const config = { wire: 'v1', cursor: 'oldest', metrics$, reconnect: SOON } as const
    expect(await some(jetstream$({ host: [front.url, server.url], ...config }))).toHaveLength(5)
    expect(codes).toEqual(['TLS_UNTRUSTED'])
    expect(front.handshakes).toBe(1)
  })

  it('ends where its proxy wants another password, and names only the proxy', async () => {
    await using proxy = await HttpProxy.open({ credentials: PASSWORD })
    const agent = new HttpsProxyAgent(proxy.url.replace('sesame', 'wrong'))
    const failure = await some(jetstream$({ host: 'server.example', agent })).catch(
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ code: 'PROXY', status: 407, proxy: proxy.origin })
    expect(proxy.requests).toHaveLength(1)
  })

  it.each([true, 'auto'] as const)(
    'ends where its proxy refuses the dictionary as well (`compress: %p`)',
    async (compress) => {
      await using proxy = await HttpProxy.open({ status: 403 })
      const config = { host: 'server.example', wire: 'v2', compress } as const
      const agent = new HttpsProxyAgent(proxy.url)
      const failure = await some(jetstream$({ ...config, agent })).catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'PROXY', status: 403 })
      expect(proxy.requests).toHaveLength(compress === true ? 1 : 2)
    },
  )

  it('waits for a proxy that has worked and then wants another password', async () => {
    await using server = await fakeJetstream({
      events: 20,
      stored: 'all',
      faults: [{ after: 5, do: 'close', code: 1012 }],
    })
    await using proxy = await HttpProxy.open()
    const metrics$ = streamMetrics()
    const codes: unknown[] = []
    metrics$.subscribe(({ connection }) => {
      if (connection.state !== 'waiting') return
      codes.push(connection.reason.code)
      proxy.wants(codes.length === 1 ? PASSWORD : undefined)
    })
    const agent = new HttpsProxyAgent(proxy.url)
    const config = { host: server.url, wire: 'v1', cursor: 'oldest', agent, metrics$ } as const
    const source$ = jetstream$({ ...config, reconnect: SOON })
    expect(await lastValueFrom(source$.pipe(take(20), toArray()))).toHaveLength(20)
    expect(codes).toEqual(['CONNECTION_CLOSED', 'PROXY'])
  })
})
