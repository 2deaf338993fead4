import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { env } from 'node:process'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { sendRequest } from '../../src/http/node.js'
import { reasonOf } from '../../src/internal/message-of.js'
import { HttpProxy, REFUSED_WHEN, refusedAgent } from '../helpers/http-proxy.js'
import { BAD_CERTIFICATES, CERTIFICATE } from '../socket/certificate.js'
import { secureServer } from '../socket/servers.js'
import { PlainServer, plain, rejection, textOf } from './contract.js'

function abortable() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort(new Error('never mind')) }
}

const page = () => PlainServer.open((_, response) => response.end('page'))

describe('a request of node:http', () => {
  it('names this library, unless another name is given', async () => {
    await using server = await page()
    await textOf(await sendRequest(server.url, plain))
    await textOf(await sendRequest(server.url, { ...plain, headers: { 'User-Agent': 'spec/1' } }))
    expect(server.requests.map(({ headers }) => headers['user-agent'])).toEqual([
      expect.stringMatching(/^rxjs-atproto\/\d/),
      'spec/1',
    ])
  })

  it('takes the agent that it is given', async () => {
    await using server = await page()
    const agent = new HttpAgent()
    const opened = jest.spyOn(agent, 'createConnection' as never)
    expect(await textOf(await sendRequest(server.url, { ...plain, agent }))).toBe('page')
    expect(opened).toHaveBeenCalledTimes(1)
  })

  it('fails with the option where its agent speaks another scheme', async () => {
    const agent = new HttpAgent()
    expect(await rejection(sendRequest('https://localhost:1', { ...plain, agent }))).toMatchObject({
      message: '`agent` is one for http:, which cannot reach https://localhost:1',
    })
  })
})

describe('a certificate', () => {
  it.each(BAD_CERTIFICATES)(
    'that is %s has a code and a remedy',
    async (_, certificate, code, message) => {
      await using server = await secureServer(certificate)
      const agent = new HttpsAgent({ ca: certificate })
      expect(await rejection(sendRequest(server.https, { ...plain, agent }))).toMatchObject({
        code,
        retryable: true,
        message: expect.stringMatching(message),
      })
      expect(server.handshakes).toBe(1)
    },
  )

  it('that nobody vouches for has a code and a remedy, unless `agent` trusts it', async () => {
    await using server = await secureServer(CERTIFICATE)
    const failure = await rejection(sendRequest(server.https, plain))
    expect(failure).toMatchObject({ code: 'TLS_UNTRUSTED', retryable: true })
    const { message } = failure as Error
    expect(message).toContain(`the certificate of ${server.https} is not trusted (self-signed`)
    // Node's own text differs between versions.
    expect(message).toMatch(
      /\); name the file of its authority in NODE_EXTRA_CA_CERTS, or use an `agent` with `ca`$/,
    )
    const agent = new HttpsAgent({ ca: CERTIFICATE })
    expect(await textOf(await sendRequest(server.https, { ...plain, agent }))).toBe('page')
  })

  it('is not looked for at a port without TLS, and the message says so', async () => {
    await using server = await page()
    const failure = await rejection(sendRequest(server.url.replace('http', 'https'), plain))
    expect(reasonOf(failure)).toMatch(/; nothing speaks TLS at this port: .* write `ws:\/\/`/)
  })
})

describe('a proxy', () => {
  const before = { ...env }
  const use = (proxy: HttpProxy) =>
    Object.assign(env, {
      NODE_USE_ENV_PROXY: '1',
      HTTP_PROXY: proxy.url,
      HTTPS_PROXY: proxy.url,
    })
  afterEach(() => {
    for (const name of ['NODE_USE_ENV_PROXY', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'])
      if (before[name] === undefined) delete env[name]
      else env[name] = before[name]
  })

  it('of the environment is asked for a whole URL without TLS, and gets its password', async () => {
    await using server = await page()
    await using proxy = await HttpProxy.open({ credentials: 'me:p%40ss' })
    use(proxy)
    const headers = { authorization: 'Bearer token' }
    const url = `${server.url}/a?b=c`
    expect(await textOf(await sendRequest(url, { ...plain, headers }))).toBe('page')
    expect(proxy.requests).toEqual([`GET ${url}`])
    expect(server.requests[0]?.headers).toMatchObject({
      host: new URL(server.url).host,
      authorization: 'Bearer token',
    })
    expect(server.requests[0]?.headers).not.toHaveProperty('proxy-authorization')
    await textOf(await sendRequest(url, plain))
    expect(server.requests[1]?.headers).not.toHaveProperty('authorization')
  })

  it('of the environment is asked for a tunnel with TLS, and sees nothing else', async () => {
    await using server = await secureServer(CERTIFICATE)
    await using proxy = await HttpProxy.open()
    use(proxy)
    expect(await rejection(sendRequest(server.https, plain))).toMatchObject({
      code: 'TLS_UNTRUSTED',
    })
    expect(proxy.requests).toEqual([`CONNECT ${new URL(server.https).host}`])
    expect(proxy.headers[0]).toMatchObject({ host: new URL(server.https).host })
    expect(server.handshakes).toBe(1)
  })

  it('of the environment is left out for the hosts of NO_PROXY', async () => {
    await using server = await page()
    await using proxy = await HttpProxy.open()
    use(proxy)
    env.NO_PROXY = '127.0.0.0/8'
    expect(await textOf(await sendRequest(server.url, plain))).toBe('page')
    expect(proxy.requests).toEqual([])
  })

  it.each([
    ['without TLS', 'http'],
    ['with TLS', 'https'],
  ])('that wants another password is named, and its password is not (%s)', async (_, scheme) => {
    await using proxy = await HttpProxy.open({ credentials: 'me:right' })
    use(proxy)
    env.HTTP_PROXY = env.HTTPS_PROXY = proxy.url.replace('right', 'sesame')
    const failure = await rejection(sendRequest(`${scheme}://server.example/`, plain))
    expect(failure).toMatchObject({
      code: 'PROXY',
      status: 407,
      retryable: false,
      proxy: proxy.origin,
      message:
        `the proxy ${proxy.origin} (${scheme.toUpperCase()}_PROXY) answered 407 for ` +
        `${scheme === 'http' ? 'http://server.example' : 'server.example:443'}; ` +
        'check the user name and the password for it',
    })
    expect(JSON.stringify(failure)).not.toContain('sesame')
    expect(proxy.requests).toHaveLength(1)
  })

  it.each(REFUSED_WHEN)('that refuses an agent of Node 24 is blamed, told %s', async (_, when) => {
    const request = { ...plain, agent: refusedAgent(when) }
    expect(await rejection(sendRequest('http://127.0.0.1:1', request))).toMatchObject({
      code: 'PROXY',
      status: 407,
    })
  })

  it('that wants another password of an agent is named, and its password is not', async () => {
    await using server = await page()
    await using proxy = await HttpProxy.open({ credentials: 'me:right' })
    const agent = new HttpsProxyAgent(proxy.url.replace('right', 'sesame'))
    const failure = await rejection(sendRequest(server.url, { ...plain, agent }))
    expect(failure).toMatchObject({
      code: 'PROXY',
      status: 407,
      message: expect.stringContaining(`the proxy ${proxy.origin} of \`agent\` answered 407`),
    })
    expect((failure as Error).message).not.toContain('sesame')
  })

  it('that wants a password, which its agent then knows, is passed', async () => {
    await using server = await page()
    await using proxy = await HttpProxy.open({ credentials: 'me:right' })
    const authorization = `Basic ${Buffer.from('me:right').toString('base64')}`
    const agent = new HttpsProxyAgent(proxy.origin, {
      onProxyAuth: async () => ({ headers: { 'Proxy-Authorization': authorization } }),
    })
    expect(await textOf(await sendRequest(server.url, { ...plain, agent }))).toBe('page')
    expect(proxy.requests).toHaveLength(2)
  })

  it.each([
    [403, false],
    [404, false],
    [502, true],
  ])(
    'that refuses with %i does so for itself: no server is blamed (retryable: %s)',
    async (status, retryable) => {
      await using server = await page()
      await using proxy = await HttpProxy.open({ status })
      const agent = new HttpsProxyAgent(proxy.url)
      expect(await rejection(sendRequest(server.url, { ...plain, agent }))).toMatchObject({
        code: 'PROXY',
        status,
        retryable,
      })
      expect(server.requests).toEqual([])
    },
  )

  it.each(['http', 'https'])(
    'that does not answer is left with the request (%s)',
    async (scheme) => {
      await using proxy = await HttpProxy.open({ hangs: true })
      use(proxy)
      const { signal, abort } = abortable()
      const failure = rejection(sendRequest(`${scheme}://server.example/`, { ...plain, signal }))
      await proxy.when(() => proxy.requests.length === 1)
      abort()
      expect(await failure).toBe(signal.reason)
      await proxy.when(() => proxy.open === 0)
    },
  )

  it.each(['http', 'https'])(
    'that is reached over TLS with a certificate that nobody vouches for is named (%s)',
    async (scheme) => {
      await using proxy = await HttpProxy.open({ secure: true })
      use(proxy)
      expect(await rejection(sendRequest(`${scheme}://server.example/`, plain))).toMatchObject({
        code: 'PROXY',
        retryable: true,
        message: expect.stringMatching(
          /^no connection to the proxy https:.*: the certificate of .* is not trusted .*CA_CERTS/,
        ),
        cause: { code: 'TLS_UNTRUSTED' },
      })
      expect(proxy.requests).toEqual([])
    },
  )

  it.each(['http', 'https'])('that cannot be reached is named (%s)', async (scheme) => {
    const proxy = await HttpProxy.open({ credentials: 'me:sesame' })
    use(proxy)
    const { origin } = proxy
    await proxy[Symbol.asyncDispose]()
    const failure = await rejection(sendRequest(`${scheme}://server.example/`, plain))
    expect(failure).toMatchObject({ code: 'PROXY', retryable: true, proxy: origin })
    expect((failure as Error).message).toMatch(/^no connection to the proxy .*: .*ECONNREFUSED/)
    expect((failure as Error).message).not.toContain('sesame')
  })
})
