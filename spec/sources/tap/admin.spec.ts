import { type TapAdmin, tapAdmin } from '../../../src/index.js'
import { type FakeTap, type FakeTapOptions, fakeTap } from '../../../src/testing/index.js'
import { refusing } from '../../socket/servers.js'

const ALICE = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz'
const WEB = 'did:web:localhost%3A3000'
const dids = (count: number) =>
  Array.from({ length: count }, (_, index) => `did:plc:${String(index).padStart(24, 'a')}`)

async function serve(
  options: FakeTapOptions = {},
): Promise<{ readonly tap: FakeTap; readonly admin: TapAdmin } & AsyncDisposable> {
  const tap = await fakeTap(options)
  const admin = tapAdmin({ host: tap.host, adminPassword: options.adminPassword })
  return { tap, admin, [Symbol.asyncDispose]: () => tap.close() }
}

const bodies = (tap: FakeTap) =>
  tap.requests.map(({ body }) => (JSON.parse(body) as { readonly dids: readonly string[] }).dids)

describe('tapAdmin', () => {
  it('adds and removes repositories', async () => {
    await using served = await serve()
    const { tap, admin } = served
    await admin.addRepos([ALICE, WEB])
    expect(tap.repos.map(({ did }) => did)).toEqual([ALICE, WEB])
    await admin.removeRepos([ALICE])
    expect(tap.repos.map(({ did }) => did)).toEqual([WEB])
    expect(tap.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /repos/add',
      'POST /repos/remove',
    ])
    expect(tap.requests[0]?.headers).toMatchObject({ 'content-type': 'application/json' })
  })

  it.each(['addRepos', 'removeRepos'] as const)(
    'sends %s 1,000 at a time, one request after the other',
    async (method) => {
      await using served = await serve()
      const { tap, admin } = served
      const all = dids(3641)
      await admin[method](all)
      expect(bodies(tap).map(({ length }) => length)).toEqual([1000, 1000, 1000, 641])
      expect(bodies(tap).flat()).toEqual(all)
      expect(tap.repos).toHaveLength(method === 'addRepos' ? 3641 : 0)
    },
  )

  it('makes no request for an empty list', async () => {
    await using served = await serve()
    const { tap, admin } = served
    await admin.addRepos([])
    await admin.removeRepos([])
    expect(tap.requests).toEqual([])
  })

  it('sends nothing when one of the DIDs is none, and says which', async () => {
    await using served = await serve()
    const { tap, admin } = served
    const mistake = await admin
      .addRepos([ALICE, 'alice.test', 'did:PLC:x'])
      .catch((error: unknown) => error)
    expect(mistake).toMatchObject({
      code: 'CONFIG',
      issues: [
        { option: 'dids.1', message: 'must be a DID, not "alice.test"' },
        { option: 'dids.2', message: 'must be a DID, not "did:PLC:x"' },
      ],
    })
    await expect(admin.repoInfo('did:plc:../stats')).rejects.toMatchObject({ code: 'CONFIG' })
    await expect(admin.resolveDid('')).rejects.toMatchObject({ code: 'CONFIG' })
    expect(tap.requests).toEqual([])
  })

  it('puts a DID into the path as it is', async () => {
    await using served = await serve({
      repos: [{ did: WEB, state: 'active', handle: 'web.test' }],
      documents: { [ALICE]: { id: ALICE } },
    })
    const { tap, admin } = served
    expect(await admin.repoInfo(WEB)).toMatchObject({
      did: WEB,
      state: 'active',
      handle: 'web.test',
    })
    expect(await admin.resolveDid(ALICE)).toEqual({ id: ALICE })
    expect(tap.requests.map(({ path }) => path)).toEqual([`/info/${WEB}`, `/resolve/${ALICE}`])
  })

  it('returns undefined for an untracked repository, and unknown states as is', async () => {
    await using served = await serve({
      repos: [{ did: WEB, state: 'throttled', error: 'x', retries: 3 }],
    })
    const { admin } = served
    expect(await admin.repoInfo(ALICE)).toBeUndefined()
    expect(await admin.repoInfo(WEB)).toMatchObject({ state: 'throttled', error: 'x', retries: 3 })
  })

  it('tells health and statistics', async () => {
    await using served = await serve({ events: 10, generate: { dids: 4 }, repos: [{ did: ALICE }] })
    const { admin } = served
    expect(await admin.health()).toEqual({ status: 'ok' })
    expect(await admin.stats()).toMatchObject({
      outboxBuffer: 10,
      resyncBuffer: 0,
      cursors: { firehose: 0, listRepos: '' },
    })
    expect((await admin.stats()).repoCount).toBeGreaterThan(1)
  })

  it('takes the password along on every route, as bytes of UTF-8', async () => {
    await using served = await serve({
      adminPassword: 'pä ss:✨',
      documents: { [ALICE]: { id: ALICE } },
    })
    const { tap, admin } = served
    await admin.addRepos([ALICE])
    await admin.removeRepos([ALICE])
    await admin.resolveDid(ALICE)
    await admin.repoInfo(ALICE)
    await admin.health()
    await admin.stats()
    expect(tap.requests.map(({ status }) => status)).toEqual([
      200, 200, 200, 404, 200, 200, 200, 200, 200, 200,
    ])
  })

  it.each(['http://HOST', 'http://HOST/', 'ws://HOST/channel', 'HOST'])(
    'takes the host as %s',
    async (host) => {
      await using tap = await fakeTap()
      expect(await tapAdmin({ host: host.replace('HOST', tap.host) }).health()).toEqual({
        status: 'ok',
      })
      expect(tap.requests.map(({ path }) => path)).toEqual(['/health'])
    },
  )

  it('keeps a prefix in the path, for a Tap behind a proxy', async () => {
    await using tap = await fakeTap({ intercept: () => ({ status: 200, body: '{"status":"ok"}' }) })
    await tapAdmin({ host: `http://${tap.host}/tap` }).health()
    expect(tap.requests[0]?.path).toBe('/tap/health')
  })
})

describe('what goes wrong with tapAdmin', () => {
  it('a wrong password is a RefusedError that does not show it', async () => {
    await using tap = await fakeTap({ adminPassword: 'right' })
    const error = await tapAdmin({ host: tap.host, adminPassword: 'wr0ng' })
      .addRepos([ALICE])
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'REFUSED',
      status: 401,
      error: 'Unauthorized',
      retryable: false,
    })
    expect(String((error as Error).stack)).not.toContain('wr0ng')
  })

  it.each([
    [400, false],
    [404, false],
    [429, true],
    [500, true],
    [503, true],
  ])('an answer of %i is a RefusedError (retryable: %s)', async (status, retryable) => {
    const body = '{"message":"no"}\n'
    await using tap = await fakeTap({ intercept: () => ({ status, body }) })
    await expect(tapAdmin({ host: tap.host }).health()).rejects.toMatchObject({
      code: 'REFUSED',
      status,
      body,
      retryable,
    })
  })

  it('a refusal without an end is read to 4 KiB, and no further', async () => {
    await using server = await refusing((_request, response) => {
      response.writeHead(500).write('x'.repeat(100_000))
    })
    const refused = await tapAdmin({ host: server.url, timeoutMs: 600_000 })
      .health()
      .catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'REFUSED', status: 500, body: 'x'.repeat(4096) })
  })

  it('an answer without an end is read to 1 MiB, and is then an error', async () => {
    await using server = await refusing((_request, response) => {
      response.writeHead(200).write('x'.repeat(2 ** 20 + 1))
    })
    await expect(tapAdmin({ host: server.url, timeoutMs: 600_000 }).health()).rejects.toMatchObject(
      {
        code: 'CONNECT',
        message: 'GET health failed: the response is larger than 1048576 bytes',
      },
    )
  })

  it('an answer names the request and its DID, and refuses no connection', async () => {
    await using tap = await fakeTap({
      intercept: () => ({ status: 500, body: '{"message":"Internal Server Error"}\n' }),
    })
    const admin = tapAdmin({ host: tap.host })
    const messageOf = (request: Promise<unknown>) =>
      request.then(String, ({ message }: Error) => message)
    expect(await messageOf(admin.repoInfo(ALICE))).toBe(
      `GET info/${ALICE} was answered with 500: Internal Server Error`,
    )
    expect(await messageOf(admin.resolveDid(WEB))).toBe(
      `GET resolve/${WEB} was answered with 500: Internal Server Error`,
    )
    expect(await messageOf(admin.addRepos([ALICE]))).toBe(
      `POST repos/add (${ALICE}) was answered with 500: Internal Server Error`,
    )
    expect(await messageOf(admin.removeRepos([ALICE, WEB]))).toBe(
      `POST repos/remove (${ALICE} and 1 more) was answered with 500: Internal Server Error`,
    )
    expect(await messageOf(admin.health())).toBe(
      'GET health was answered with 500: Internal Server Error',
    )
  })

  it('a request without an answer names its DID, too', async () => {
    await using tap = await fakeTap({ intercept: () => 'reset' })
    await expect(tapAdmin({ host: tap.host }).addRepos([ALICE])).rejects.toThrow(
      `POST repos/add (${ALICE}) failed: `,
    )
  })

  it('a DID that cannot be resolved is one too', async () => {
    await using served = await serve()
    const { admin } = served
    await expect(admin.resolveDid(ALICE)).rejects.toMatchObject({
      code: 'REFUSED',
      status: 500,
      message: expect.stringContaining('failed to resolve'),
    })
  })

  it('a list ends at the first request that fails: what came before it is stored', async () => {
    await using tap = await fakeTap({
      intercept: ({ body }) =>
        body.includes(`"${dids(1500)[1499]}"`) ? { status: 500, body: '' } : undefined,
    })
    await expect(tapAdmin({ host: tap.host }).addRepos(dids(2500))).rejects.toMatchObject({
      status: 500,
    })
    expect(tap.repos).toHaveLength(1000)
    expect(tap.requests).toHaveLength(2)
  })

  it('no answer within timeoutMs is a RequestTimeoutError', async () => {
    await using tap = await fakeTap({ intercept: () => 'hang' })
    await expect(tapAdmin({ host: tap.host, timeoutMs: 50 }).stats()).rejects.toMatchObject({
      code: 'REQUEST_TIMEOUT',
      retryable: true,
    })
  })

  it('a reset, and nobody there, are ConnectErrors', async () => {
    const tap = await fakeTap({ intercept: () => 'reset' })
    const admin = tapAdmin({ host: tap.host })
    await expect(admin.health()).rejects.toMatchObject({ code: 'CONNECT', retryable: true })
    await tap.close()
    await expect(admin.health()).rejects.toMatchObject({
      code: 'CONNECT',
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  it('a redirect is not followed: a password goes to its own host only', async () => {
    await using elsewhere = await fakeTap()
    await using tap = await fakeTap({
      intercept: () => ({
        status: 307,
        body: '',
        headers: { location: `http://${elsewhere.host}/repos/add` },
      }),
    })
    await expect(
      tapAdmin({ host: tap.host, adminPassword: 'x' }).addRepos([ALICE]),
    ).rejects.toMatchObject({ code: 'CONNECT' })
    expect(elsewhere.requests).toEqual([])
  })

  it('an answer that is no JSON is an error with a code', async () => {
    await using tap = await fakeTap({ intercept: () => ({ status: 200, body: '<html>' }) })
    await expect(tapAdmin({ host: tap.host }).health()).rejects.toMatchObject({
      code: expect.any(String),
    })
  })

  it('an abort ends the request, with the reason given', async () => {
    await using tap = await fakeTap({ intercept: () => 'hang' })
    const controller = new AbortController()
    const request = tapAdmin({ host: tap.host }).repoInfo(ALICE, { signal: controller.signal })
    await tap.when(() => tap.requests.length === 1)
    const reason = new Error('the user left')
    controller.abort(reason)
    await expect(request).rejects.toBe(reason)
  })

  it('an abort before it makes no request', async () => {
    await using served = await serve()
    const { tap, admin } = served
    await expect(admin.addRepos([ALICE], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(tap.requests).toEqual([])
  })
})
