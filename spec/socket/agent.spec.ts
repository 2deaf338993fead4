import dns from 'node:dns'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { env } from 'node:process'
import { HttpsProxyAgent } from 'https-proxy-agent'
import type { HttpAgent as AnyAgent } from '../../src/options/agent.js'
import { HttpProxy, REFUSED_WHEN, refusedAgent } from '../helpers/http-proxy.js'
import { BAD_CERTIFICATES, CERTIFICATE } from './certificate.js'
import { Dialling } from './dialling.js'
import { secureServer, tcpServer, wsServer } from './servers.js'

const ENVIRONMENT = ['NODE_USE_ENV_PROXY', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']
const before = ENVIRONMENT.map((name) => [name, env[name]] as const)
const use = (proxy: HttpProxy) =>
  Object.assign(env, { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url })

afterEach(() => {
  jest.restoreAllMocks()
  for (const [name, value] of before)
    if (value === undefined) delete env[name]
    else env[name] = value
})

/** Sockets that none of ours has opened: each way to reach a server over one. */
const WAYS: readonly (readonly [
  string,
  'ws' | 'wss',
  (proxy: HttpProxy) => AnyAgent | undefined,
])[] = [
  ['an agent of Node', 'ws', () => new HttpAgent()],
  ['an agent of Node with a CA', 'wss', () => new HttpsAgent({ ca: CERTIFICATE })],
  ['https-proxy-agent', 'ws', ({ url }) => new HttpsProxyAgent(url)],
  ['https-proxy-agent with a CA', 'wss', ({ url }) => trusting(new HttpsProxyAgent(url))],
  ['a proxy of the environment', 'ws', (proxy) => void use(proxy)],
]

/** Its own options are for the connection to the proxy. */
function trusting<A extends { options: object }>(agent: A): A {
  Object.assign(agent.options, { ca: CERTIFICATE })
  return agent
}

const SIZES = [0, 1, 125, 126, 300, 65_535, 65_536, 200_000]

/** Texts and bytes of many sizes, each other. */
const MESSAGES = Array.from({ length: 400 }, (_, index) => {
  const bytes = Buffer.alloc(SIZES[index % SIZES.length] ?? 0, index % 95 ? 33 + (index % 94) : 32)
  return index % 3 === 0 ? bytes : bytes.toString('latin1')
})

describe.each(WAYS)('a connection through %s (%s)', (_, scheme, agentOf) => {
  it('brings a large stream whole, over pauses, fragments and large frames', async () => {
    await using proxy = await HttpProxy.open()
    const write = (ws: import('ws').WebSocket) => {
      for (const [index, message] of MESSAGES.entries())
        if (index % 7 !== 0) ws.send(message)
        else {
          ws.send(message.slice(0, 100), { fin: false, binary: typeof message !== 'string' })
          ws.send(message.slice(100), { fin: true })
        }
      ws.send('x'.repeat(250_000))
      ws.send('last')
    }
    await using server =
      scheme === 'wss' ? await secureServer(CERTIFICATE, write) : await wsServer(write)
    const agent = agentOf(proxy)
    using dialling = new Dialling(server.url, {
      agent,
      maxFrameBytes: 200_000,
      skipsLargeFrames: true,
      textAsBytes: true,
    })
    let pauses = 0
    dialling.onFrame = () => {
      if (dialling.frames.length % 50 !== 0) return
      pauses += 1
      dialling.connection?.pause()
      setImmediate(() => dialling.connection?.resume())
    }
    const frames = await dialling.received(MESSAGES.length + 1)
    expect(dialling.error).toBeUndefined()
    const differs = [...MESSAGES, 'last'].findIndex((message, index) =>
      typeof message === 'string'
        ? message !== frames[index]
        : Buffer.compare(message, frames[index] as Uint8Array) !== 0,
    )
    expect([differs, frames.length]).toEqual([-1, MESSAGES.length + 1])
    expect(dialling.large).toMatchObject([{ length: 250_000 }])
    expect(pauses).toBe(8)
    agent?.destroy()
  })
})

describe('a connection through a proxy of the environment', () => {
  it('is a tunnel to the name, and checks the certificate of the server', async () => {
    await using server = await secureServer(CERTIFICATE)
    await using proxy = await HttpProxy.open({ credentials: 'me:p%40ss' })
    use(proxy)
    using dialling = new Dialling(server.url)
    expect(await dialling.ended()).toMatchObject({ code: 'TLS_UNTRUSTED' })
    expect(proxy.requests).toEqual([`CONNECT ${new URL(server.url).host}`])
    expect(server.handshakes).toBe(1)
  })

  it('ends with 407 and the name of the proxy, not its password', async () => {
    await using proxy = await HttpProxy.open({ credentials: 'me:right' })
    use(proxy)
    env.HTTPS_PROXY = proxy.url.replace('right', 'sesame')
    using dialling = new Dialling('wss://server.example')
    expect(await dialling.ended()).toMatchObject({
      code: 'PROXY',
      status: 407,
      retryable: false,
      message:
        `the proxy ${proxy.origin} (HTTPS_PROXY) answered 407 for server.example:443; ` +
        'check the user name and the password for it',
    })
  })

  it('leaves nothing at a proxy that does not answer', async () => {
    await using proxy = await HttpProxy.open({ hangs: true })
    use(proxy)
    using dialling = new Dialling('ws://server.example', { connectTimeoutMs: 60_000 })
    await proxy.when(() => proxy.requests.length === 1)
    dialling.unsubscribe()
    await proxy.when(() => proxy.open === 0)
  })

  it('does not count for the hosts of NO_PROXY', async () => {
    await using server = await wsServer((ws) => ws.send('direct'))
    await using proxy = await HttpProxy.open()
    use(proxy)
    env.NO_PROXY = '127.0.0.1'
    using dialling = new Dialling(server.url)
    expect(await dialling.received(1)).toEqual(['direct'])
    expect(proxy.requests).toEqual([])
  })

  it('does not count where there is an agent', async () => {
    await using server = await wsServer((ws) => ws.send('direct'))
    await using proxy = await HttpProxy.open()
    use(proxy)
    using dialling = new Dialling(server.url, { agent: new HttpAgent() })
    expect(await dialling.received(1)).toEqual(['direct'])
    expect(proxy.requests).toEqual([])
  })
})

describe('a dial through an agent', () => {
  it.each([
    [407, false],
    [404, false],
    [503, true],
  ])(
    'whose proxy refuses with %i blames the proxy, not the server (retryable: %s)',
    async (status, retryable) => {
      await using server = await wsServer(() => undefined)
      await using proxy = await HttpProxy.open({ status, credentials: 'me:sesame' })
      using dialling = new Dialling(server.url, { agent: new HttpsProxyAgent(proxy.url) })
      const error = await dialling.ended()
      expect(error).toMatchObject({ code: 'PROXY', status, retryable, proxy: proxy.origin })
      expect(error.message).not.toContain('sesame')
    },
  )

  it.each(REFUSED_WHEN)(
    'of Node 24 whose proxy refuses blames the proxy as well, told %s',
    async (_, when) => {
      using dialling = new Dialling('ws://127.0.0.1:1', { agent: refusedAgent(when) })
      expect(await dialling.ended()).toMatchObject({ code: 'PROXY', status: 407, retryable: false })
    },
  )

  it('that throws, or speaks another scheme, is a failed dial', async () => {
    const agent = new HttpAgent()
    jest.spyOn(agent, 'createConnection' as never).mockImplementation((() => {
      throw new Error('no route')
    }) as never)
    using dialling = new Dialling('ws://127.0.0.1:1', { agent })
    expect(await dialling.ended()).toMatchObject({
      code: 'CONNECT',
      message: 'no connection: no route',
    })
    using secure = new Dialling('wss://127.0.0.1:1', { agent: new HttpAgent() })
    expect(await secure.ended()).toMatchObject({
      code: 'CONNECT',
      cause: { code: 'ERR_INVALID_PROTOCOL' },
    })
  })
})

describe('a certificate', () => {
  it.each(BAD_CERTIFICATES)(
    'that is %s has a code and a remedy',
    async (_, certificate, code, message) => {
      await using server = await secureServer(certificate)
      using dialling = new Dialling(server.url, { agent: new HttpsAgent({ ca: certificate }) })
      const error = await dialling.ended()
      expect(error).toMatchObject({ code, retryable: true })
      expect(error.message).toMatch(message)
      expect(server.handshakes).toBe(1)
    },
  )

  it('that nobody vouches for has a code and a remedy', async () => {
    await using server = await secureServer(CERTIFICATE)
    using dialling = new Dialling(server.url)
    expect(await dialling.ended()).toMatchObject({
      code: 'TLS_UNTRUSTED',
      retryable: true,
      message: expect.stringContaining('NODE_EXTRA_CA_CERTS, or use an `agent` with `ca`'),
    })
  })

  it('is not looked for at a port without TLS, and the message says so', async () => {
    await using server = await wsServer(() => undefined)
    using dialling = new Dialling(server.url.replace('ws:', 'wss:'))
    expect((await dialling.ended()).message).toMatch(/nothing speaks TLS at this port/)
  })
})

describe('what the machine lacks', () => {
  it('DNS that hangs ends with `connectTimeoutMs`, and each dial asks anew', async () => {
    const lookup = jest.spyOn(dns, 'lookup').mockImplementation((() => undefined) as never)
    for (const times of [1, 2]) {
      using dialling = new Dialling('ws://server.example', { connectTimeoutMs: 50 })
      expect(await dialling.ended()).toMatchObject({ code: 'CONNECT_TIMEOUT', retryable: true })
      expect(lookup).toHaveBeenCalledTimes(times)
    }
  })

  it('an answer of DNS that comes after that opens nothing', async () => {
    let accepted = 0
    await using server = await tcpServer(() => {
      accepted += 1
    })
    let answer: ((...result: unknown[]) => void) | undefined
    jest.spyOn(dns, 'lookup').mockImplementation(((_: string, __: object, found: never) => {
      answer = found
    }) as never)
    using dialling = new Dialling(server.url.replace('127.0.0.1', 'server.example'), {
      connectTimeoutMs: 50,
    })
    expect(await dialling.ended()).toMatchObject({ code: 'CONNECT_TIMEOUT' })
    answer?.(null, [{ address: '127.0.0.1', family: 4 }], 4)
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
    expect([typeof answer, accepted]).toEqual(['function', 0])
  })

  it.each(['EMFILE', 'ENFILE'])('files (%s) end the dial with the remedy', async (code) => {
    const lookup = jest.spyOn(dns, 'lookup').mockImplementation(((
      _: string,
      __: object,
      found: (error: Error) => void,
    ) => {
      setImmediate(found, Object.assign(new Error(`getaddrinfo ${code}`), { code }))
    }) as never)
    using dialling = new Dialling('ws://server.example')
    expect(await dialling.ended()).toMatchObject({
      code: 'CONNECT',
      retryable: true,
      message: expect.stringMatching(/too many open files: .*`ulimit -n`/),
      cause: { code },
    })
    expect(lookup).toHaveBeenCalledTimes(1)
  })
})
