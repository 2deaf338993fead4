import { lastValueFrom, toArray } from 'rxjs'
import {
  ConnectError,
  CursorLoopError,
  memoryCursorStore,
  PageError,
  ReconnectExhaustedError,
  RefusedError,
  RequestTimeoutError,
} from '../../../src/index.js'
import {
  type FakeRepos,
  fakeRepos,
  generateRepos,
  type ReposFault,
  type ReposFaultAction,
} from '../../../src/testing/index.js'
import { expectBalanced } from '../../helpers/streams.js'
import { didsOf, Listed } from './listed.js'

/** What a listing errors with. */
const failure = (listed: Listed): Promise<unknown> =>
  lastValueFrom(listed.repos$).then(
    () => 'completed',
    (error: unknown) => error,
  )

const ENDLESS = Number.POSITIVE_INFINITY
// A host that has worked is given no time.
const soon = { refusedForMs: 1 }

/** A server whose second request meets `fault`, and what became of a listing of its 25 repos. */
async function meeting(
  fault: ReposFaultAction & { times?: number },
  config: ConstructorParameters<typeof Listed>[1] = {},
) {
  const server = await fakeRepos({ repos: 25, faults: [{ ...fault, onRequest: 2 } as ReposFault] })
  return { server, listed: new Listed(server, config), [Symbol.asyncDispose]: () => server.close() }
}

const all = async (listed: Listed, server: FakeRepos): Promise<void> => {
  expect(await lastValueFrom(listed.repos$.pipe(toArray()))).toEqual(server.repos)
  expectBalanced(listed.metrics)
}

describe('a listing waits and goes on at the same page', () => {
  it.each<readonly [string, ReposFaultAction & { times?: number }]>([
    ['500', { do: 'refuse', status: 500, times: 3 }],
    ['502 with HTML', { do: 'refuse', status: 502, body: '<html>Bad gateway</html>' }],
    ['503 without a body', { do: 'refuse' }],
    ['408', { do: 'refuse', status: 408 }],
    ['429', { do: 'refuse', status: 429, times: 4 }],
    ['404 of a host that is being moved', { do: 'refuse', status: 404, times: 3 }],
    ['a redirect for a while', { do: 'refuse', status: 302, times: 2 }],
    ['a reset', { do: 'reset', times: 2 }],
    ['a page that is cut', { do: 'cut' }],
    ['HTML in place of a page', { do: 'garbage', body: '<!doctype html><title>Hello</title>' }],
    ['broken JSON', { do: 'garbage', body: '{"cursor":"20","repos":[{"did":' }],
    ['a page without repos', { do: 'garbage', body: '{"cursor":"20"}' }],
    ['a page whose cursor is a number', { do: 'garbage', body: '{"cursor":20,"repos":[]}' }],
    ['a page that is a list', { do: 'garbage', body: '[]' }],
    ['a page that is null', { do: 'garbage', body: 'null' }],
    [
      'a page that is not UTF-8',
      { do: 'garbage', body: Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d) },
    ],
    ['a body that never ends', { do: 'flood' }],
  ])('after %s', async (_, fault) => {
    await using met = await meeting(fault, { maxPageBytes: 100_000 })
    await all(met.listed, met.server)
    const times = fault.times ?? 1
    expect(met.server.fired).toHaveLength(times)
    expect(met.listed.metrics.reconnects).toBe(times)
    expect(met.server.requests.map(({ cursor }) => cursor)).toEqual([
      undefined,
      ...Array(times + 1).fill('10'),
      '20',
    ])
  })

  it.each(['hang', 'stall'] as const)(
    'after an answer that does not come within `timeoutMs` (%s)',
    async (fault) => {
      await using met = await meeting(
        { do: fault },
        { timeoutMs: 60, reconnect: { initialDelayMs: 100, jitter: 'none' } },
      )
      const over = all(met.listed, met.server)
      expect((await met.listed.waiting()).reason).toBeInstanceOf(RequestTimeoutError)
      await over
      expect(met.server.requests[1]?.aborted).toBe(true)
    },
  )

  it('when nobody listens, and nobody ever did', async () => {
    const server = await fakeRepos()
    const { url } = server
    await server.close()
    const listed = new Listed(
      { url },
      { reconnect: { ...{ initialDelayMs: 1, jitter: 'none' }, maxAttempts: 2 } },
    )
    const error = await failure(listed)
    expect(error).toBeInstanceOf(ReconnectExhaustedError)
    expect((error as ReconnectExhaustedError).cause).toBeInstanceOf(ConnectError)
    expect((error as ReconnectExhaustedError).message).toMatch(/ECONNREFUSED/)
  })
})

describe('back pressure of the server', () => {
  const SOON = 1_800_000_000
  it.each<readonly [string, Readonly<Record<string, string>>, number]>([
    ['`Retry-After` in seconds', { 'retry-after': '7' }, 7000],
    ['`Retry-After` of a day, capped at 15 minutes', { 'retry-after': '86400' }, 900_000],
    ['`ratelimit-reset` in seconds from now', { 'ratelimit-reset': '12' }, 12_000],
    [
      '`ratelimit-reset` far in the future, capped at 15 minutes',
      { 'ratelimit-reset': String(SOON * 10) },
      900_000,
    ],
    [
      '`Retry-After` rather than `ratelimit-reset`',
      { 'retry-after': '3', 'ratelimit-reset': '700' },
      3000,
    ],
    ['no header: the first backoff', {}, 50],
    [
      'a header that is none: the first backoff',
      { 'retry-after': 'soon', 'ratelimit-reset': 'later' },
      50,
    ],
  ])('is waited out: %s', async (_, headers, ms) => {
    await using met = await meeting(
      { do: 'refuse', status: 429, headers },
      { reconnect: { initialDelayMs: 50, jitter: 'none', maxAttempts: 0 } },
    )
    const subscription = met.listed.repos$.subscribe()
    const { reason, ms: waited } = await met.listed.waiting()
    expect(reason).toBeInstanceOf(RefusedError)
    expect(waited).toBe(ms)
    subscription.unsubscribe()
  })

  it('reads `ratelimit-reset` as a unix time where it is one', async () => {
    const at = Math.ceil(Date.now() / 1000) + 100
    await using met = await meeting({
      do: 'refuse',
      status: 429,
      headers: { 'ratelimit-reset': String(at) },
    })
    const subscription = met.listed.repos$.subscribe()
    const { ms } = await met.listed.waiting()
    expect(ms).toBeGreaterThan(90_000)
    expect(ms).toBeLessThanOrEqual(101_000)
    subscription.unsubscribe()
  })

  it('is no failure: it uses up no attempt', async () => {
    await using met = await meeting(
      { do: 'refuse', status: 429, times: 6 },
      { reconnect: { initialDelayMs: 1, jitter: 'none', maxAttempts: 1 } },
    )
    await all(met.listed, met.server)
    expect(met.server.fired).toHaveLength(6)
  })

  it('makes the waits grow where no header says how long', async () => {
    await using met = await meeting(
      { do: 'refuse', status: 429, times: 4 },
      { reconnect: { initialDelayMs: 2, jitter: 'none' } },
    )
    const waits: number[] = []
    met.listed.metrics$.subscribe(({ connection, currentBackoffMs }) => {
      if (connection.state === 'waiting' && currentBackoffMs > 0) waits.push(currentBackoffMs)
    })
    await all(met.listed, met.server)
    expect([...new Set(waits)]).toEqual([2, 4, 8, 16])
  })

  it('is waited out when it comes as 503 with `Retry-After`', async () => {
    await using met = await meeting({ do: 'refuse', status: 503, headers: { 'retry-after': '9' } })
    const subscription = met.listed.repos$.subscribe()
    expect((await met.listed.waiting()).ms).toBe(9000)
    subscription.unsubscribe()
  })
})

describe('a listing ends', () => {
  it.each([
    [
      400,
      '{"error":"InvalidRequest","message":"Malformed cursor"}',
      /400 InvalidRequest: Malformed cursor/,
    ],
    [401, '{"error":"AuthMissing"}', /401 AuthMissing.*; check the credentials/],
    [404, '{"error":"Not Found"}', /404 Not Found.*; check the host and its path/],
    [501, '', /501/],
  ])('with RefusedError at %d', async (status, body, message) => {
    await using met = await meeting({ do: 'refuse', status, body, times: ENDLESS }, soon)
    const error = await failure(met.listed)
    expect(error).toBeInstanceOf(RefusedError)
    expect(error).toMatchObject({ status, body, message: expect.stringMatching(message) })
    expect(met.listed.seen).toHaveLength(10)
    expect(met.listed.metrics.connection).toEqual({
      state: 'closed',
      host: expect.any(String),
      reason: error,
      since: expect.any(Number),
    })
  })

  it('with RefusedError at a redirect, which is not followed', async () => {
    await using elsewhere = await fakeRepos({ repos: 5 })
    const headers = { location: elsewhere.url }
    await using met = await meeting({ do: 'refuse', status: 302, headers, times: ENDLESS }, soon)
    const error = await failure(met.listed)
    expect(error).toBeInstanceOf(RefusedError)
    expect(error).toMatchObject({ status: 302, message: expect.stringContaining(elsewhere.url) })
    expect(elsewhere.requests).toHaveLength(0)
  })

  it('with RefusedError whose body is cut at 4 KiB', async () => {
    await using met = await meeting({ do: 'refuse', status: 400, body: 'x'.repeat(100_000) })
    expect(((await failure(met.listed)) as RefusedError).body).toHaveLength(4096)
  })

  it('with PageError after five pages in a row that cannot be read', async () => {
    await using met = await meeting({
      do: 'garbage',
      body: '<html>down for maintenance</html>',
      times: 5,
    })
    const error = await failure(met.listed)
    expect(error).toBeInstanceOf(PageError)
    expect((error as PageError).message).toContain('down for maintenance')
    expect(met.server.requests).toHaveLength(6)
  })

  it('with PageError at pages larger than `maxPageBytes`, of which no more is read', async () => {
    await using met = await meeting({ do: 'flood', times: 5 }, { maxPageBytes: 20_000 })
    expect(await failure(met.listed)).toMatchObject({
      code: 'PAGE',
      message: expect.stringContaining('`maxPageBytes` (20000)'),
    })
    await met.server.when(() => met.server.requests.slice(1).every(({ aborted }) => aborted))
  })

  it('not at bad pages that are not in a row', async () => {
    const faults = [1, 2, 3, 5, 6, 7, 9, 10].map(
      (onRequest) => ({ onRequest, do: 'garbage', body: 'no' }) as const,
    )
    await using server = await fakeRepos({ repos: 25, faults })
    await all(new Listed(server), server)
  })

  it('with ReconnectExhaustedError after `maxAttempts` failures in a row', async () => {
    await using met = await meeting(
      { do: 'refuse', status: 500, times: 3 },
      { reconnect: { initialDelayMs: 1, jitter: 'none', maxAttempts: 2 } },
    )
    expect(await failure(met.listed)).toBeInstanceOf(ReconnectExhaustedError)
  })

  it.each<readonly [string, ReposFault, number]>([
    ['a page that names itself as the next one', { onRequest: 2, do: 'loop' }, 2],
    ['a cursor that leads back a page', { onRequest: 3, do: 'loop', back: 1 }, 4],
    ['the same page again, with a cursor that leads on', { onRequest: 3, do: 'repeat' }, 3],
  ])('with CursorLoopError at %s', async (_, fault, most) => {
    await using server = await fakeRepos({ repos: 60, faults: [fault] })
    const store = memoryCursorStore()
    const listed = new Listed(server, { checkpoint: store })
    expect(await failure(listed)).toBeInstanceOf(CursorLoopError)
    expect(server.requests.length).toBeLessThanOrEqual(most)
    // What was listed is kept; the end is not.
    expect([...store.positions.values()].join()).toMatch(/"cursor"/)
    expectBalanced(listed.metrics)
  })

  it('with CursorLoopError where every page leads back further', async () => {
    await using server = await fakeRepos({
      repos: 1000,
      faults: [{ onRequest: 40, do: 'loop', back: 30, times: Number.POSITIVE_INFINITY }],
    })
    expect(await failure(new Listed(server))).toBeInstanceOf(CursorLoopError)
    expect(server.requests.length).toBeLessThan(130)
  })
})

describe('a page that is not as it should be', () => {
  it('goes on behind a page that is shorter than the limit, with a cursor', async () => {
    await using met = await meeting({ do: 'shrink', repos: 3 })
    await all(met.listed, met.server)
    expect(met.server.requests.map(({ cursor }) => cursor)).toEqual([undefined, '10', '13', '23'])
  })

  it.each<readonly [string, unknown, RegExp]>([
    ['null', null, /no object/],
    ['a text', 'did:plc:a', /no object/],
    ['a list', [], /no object/],
    ['one without a DID', { head: 'a', rev: 'b' }, /`did`/],
    ['one whose DID is none', { did: 'plc:a', head: 'a', rev: 'b' }, /`did`/],
    ['one without a head', { did: 'did:plc:a', rev: 'b' }, /`head`/],
    ['one without a rev', { did: 'did:plc:a', head: 'a' }, /`rev`/],
    [
      'one whose `active` is a text',
      { did: 'did:plc:a', head: 'a', rev: 'b', active: 'yes' },
      /`active`/,
    ],
    [
      'one whose `status` is a number',
      { did: 'did:plc:a', head: 'a', rev: 'b', status: 4 },
      /`status`/,
    ],
  ])('rejects a bad repo with its JSON, and lists its neighbours: %s', async (_, repo, message) => {
    await using met = await meeting({ do: 'spoil', index: 4, repo })
    const repos = await lastValueFrom(met.listed.repos$.pipe(toArray()))
    expect(repos).toEqual(met.server.repos.filter((__, index) => index !== 14))
    expect(met.listed.rejects).toEqual([
      {
        host: `${met.server.url}/xrpc/com.atproto.sync.listRepos`,
        frame: JSON.stringify(repo),
        length: JSON.stringify(repo).length,
        error: expect.objectContaining({
          code: 'FRAME',
          place: { position: 2, time_us: 0 },
          message: expect.stringMatching(message),
        }),
      },
    ])
    expect(met.listed.metrics).toMatchObject({ rejected: 1, frames: 25, events: 24 })
    expectBalanced(met.listed.metrics)
  })

  it('rejects a repo that is nested too deep to be written as JSON, with its text', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const [repo] = generateRepos({ count: 1 })
    await using server = await fakeRepos({
      faults: [
        { onRequest: 1, do: 'garbage', body: `{"repos":[${deep},${JSON.stringify(repo)}]}` },
      ],
    })
    const listed = new Listed(server)
    expect(await lastValueFrom(listed.repos$.pipe(toArray()))).toEqual([repo])
    expect(listed.rejects).toEqual([
      expect.objectContaining({
        frame: deep.slice(0, 65_536),
        length: deep.length,
        error: expect.objectContaining({ message: 'the repo is more than 64 levels deep' }),
      }),
    ])
  })

  it('passes over the repos that a page repeats of the page before', async () => {
    await using server = await fakeRepos({ repos: 20 })
    // A server whose cursors are inclusive, but for one that moved on meanwhile.
    const [last, moved] = [
      server.repos[8],
      { ...(server.repos[9] as object), rev: '3zzzzzzzzzzzz' },
    ]
    const overlap = { cursor: '20', repos: [last, moved, ...server.repos.slice(10, 18)] }
    await using twice = await fakeRepos({
      repos: server.repos,
      faults: [{ onRequest: 2, do: 'garbage', body: JSON.stringify(overlap) }],
    })
    const listed = new Listed(twice)
    const repos = await lastValueFrom(listed.repos$.pipe(toArray()))
    expect(didsOf(repos)).toEqual(
      didsOf([...server.repos.slice(0, 10), moved, ...server.repos.slice(10, 18)]),
    )
    expect(listed.metrics).toMatchObject({ duplicates: 1, events: 20 })
    expectBalanced(listed.metrics)
  })
})
