import { generateRepos } from '../../src/testing/generate/repos.js'
import type { FakeRepos } from '../../src/testing/repos/contract.js'
import { fakeRepos } from '../../src/testing/repos/fake-repos.js'
import { jsonOf } from '../helpers/recordings.js'

const PATH = '/xrpc/com.atproto.sync.listRepos'

interface Answered {
  readonly cursor?: string
  readonly repos: readonly { readonly did: string }[]
}

const get = (server: FakeRepos, query = '', init?: RequestInit): Promise<Response> =>
  fetch(`${server.url}${PATH}?${query}`, init)
const page = async (server: FakeRepos, query = ''): Promise<Answered> =>
  (await get(server, query)).json() as Promise<Answered>

/** The sizes of all pages, as a client meets them, and each page's cursor. */
async function walk(
  server: FakeRepos,
  limit: number,
): Promise<{ readonly sizes: readonly number[]; readonly cursors: readonly unknown[] }> {
  const sizes: number[] = []
  const cursors: unknown[] = []
  for (
    let cursor: string | undefined, more = true;
    more;
    more = cursor !== undefined && (sizes.at(-1) ?? 0) > 0
  ) {
    const got = await page(
      server,
      `limit=${limit}${cursor === undefined ? '' : `&cursor=${cursor}`}`,
    )
    sizes.push(got.repos.length)
    cursors.push(got.cursor)
    cursor = got.cursor
  }
  return { sizes, cursors }
}

describe('fakeRepos', () => {
  it('pages as a relay: a number behind each full page, and none behind the last', async () => {
    await using server = await fakeRepos({ repos: 25 })
    expect(await walk(server, 10)).toEqual({ sizes: [10, 10, 5], cursors: ['10', '20', undefined] })
  })

  it('pages as a relay whose last page is full: then an empty one ends it', async () => {
    await using server = await fakeRepos({ repos: 20 })
    expect(await walk(server, 10)).toEqual({ sizes: [10, 10, 0], cursors: ['10', '20', undefined] })
  })

  it('pages as a PDS: a cursor behind every page but an empty one', async () => {
    await using server = await fakeRepos({ repos: 5, style: 'pds' })
    const { sizes, cursors } = await walk(server, 3)
    expect(sizes).toEqual([3, 2, 0])
    const dids = server.repos.map((repo) => (repo as { did: string }).did)
    expect(cursors).toEqual([`1700000003000::${dids[2]}`, `1700000005000::${dids[4]}`, undefined])
  })

  it('has pages of 500 where no limit is asked for', async () => {
    await using server = await fakeRepos({ repos: 600 })
    expect((await page(server)).repos).toHaveLength(500)
  })

  it('generates the same repos for the same seed, each with the members of the lexicon', () => {
    const [one, two, other] = [3, 3, 4].map((seed) => [...generateRepos({ count: 200, seed })])
    expect(one).toEqual(two)
    expect(one).not.toEqual(other)
    expect(new Set(one?.map(({ did }) => did)).size).toBe(200)
    expect(one?.some(({ active, status }) => !active && status !== undefined)).toBe(true)
    expect(one?.every(({ active, status }) => active === (status === undefined))).toBe(true)
  })

  const recorded =
    jsonOf<
      readonly {
        readonly server: string
        readonly request: string
        readonly http?: { readonly status: number; readonly body: string }
      }[]
    >('local/refusals.json')
  const refusals = recorded.filter(
    ({ request, server }) =>
      /listRepos\?/.test(request) && (server === 'pds' || server === 'relay'),
  )

  it('refuses as recorded servers do', async () => {
    expect(refusals.length).toBeGreaterThan(4)
    for (const { server: style, request, http } of refusals) {
      await using server = await fakeRepos({ style: style as 'pds' | 'relay' })
      const response = await get(server, request.split('?')[1])
      expect({ request, status: response.status, body: await response.text() }).toEqual({
        request,
        status: http?.status,
        body: http?.body,
      })
    }
  })

  it('records each request, with what was asked and answered', async () => {
    await using server = await fakeRepos({
      repos: 3,
      faults: [{ onRequest: 2, do: 'refuse', status: 429, headers: { 'retry-after': '7' } }],
    })
    await get(server, 'limit=2')
    const limited = await get(server, 'limit=2&cursor=2', { headers: { 'x-one': 'two' } })
    expect(limited.headers.get('retry-after')).toBe('7')
    await server.when(() => server.requests.every(({ status }) => status > 0))
    expect(server.requests).toEqual([
      expect.objectContaining({
        request: 1,
        cursor: undefined,
        limit: '2',
        status: 200,
        aborted: false,
      }),
      expect.objectContaining({
        request: 2,
        cursor: '2',
        limit: '2',
        status: 429,
        headers: expect.objectContaining({ 'x-one': 'two' }),
      }),
    ])
    expect(server.fired).toEqual([{ fault: expect.objectContaining({ do: 'refuse' }), request: 2 }])
  })

  it('leads a cursor back, repeats a page, shrinks one, and spoils an entry', async () => {
    await using server = await fakeRepos({
      repos: 40,
      faults: [
        { onRequest: 2, do: 'loop' },
        { onRequest: 3, do: 'loop', back: 2 },
        { onRequest: 5, do: 'repeat' },
        { onRequest: 6, do: 'shrink', repos: 3 },
        { onRequest: 7, do: 'spoil', index: 1, repo: 'no repo' },
      ],
    })
    const dids = server.repos.map((repo) => (repo as { did: string }).did)
    const at = async (from: number) => {
      const { cursor, repos } = await page(server, `limit=10&cursor=${from}`)
      return {
        cursor,
        first: dids.indexOf(repos[0]?.did ?? ''),
        size: repos.length,
        second: repos[1],
      }
    }
    expect(await at(0)).toMatchObject({ cursor: '10', first: 0, size: 10 })
    expect(await at(10)).toMatchObject({ cursor: '10', first: 10 })
    expect(await at(20)).toMatchObject({ cursor: '0', first: 20 })
    expect(await at(0)).toMatchObject({ cursor: '10', first: 0 })
    expect(await at(10)).toMatchObject({ cursor: '20', first: 0, size: 10 })
    expect(await at(20)).toMatchObject({ cursor: '23', first: 20, size: 3 })
    expect(await at(20)).toMatchObject({ cursor: '30', size: 10, second: 'no repo' })
  })

  it('hangs, resets, stalls, cuts, floods, is slow, and answers with anything', async () => {
    const all = ['hang', 'reset', 'stall', 'cut', 'flood'] as const
    await using server = await fakeRepos({
      repos: 100,
      faults: [
        ...all.map((fault, index) => ({ onRequest: index + 1, do: fault })),
        { onRequest: 6, do: 'slow', delayMs: 20 },
        { onRequest: 7, do: 'garbage', body: '<html>' },
      ],
    })
    const outcome = async (giveUp: boolean): Promise<string> => {
      const controller = new AbortController()
      const asked = server.requests.length + 1
      const answer = get(server, '', { signal: controller.signal }).then((response) =>
        response.text(),
      )
      await server.when(() => server.requests.length === asked)
      if (giveUp) controller.abort()
      return answer.then(
        () => 'answered',
        (error: Error) => error.name,
      )
    }
    expect(await outcome(true)).toBe('AbortError')
    expect(await outcome(false)).toBe('TypeError')
    expect(await outcome(true)).toBe('AbortError')
    expect(await outcome(false)).toBe('TypeError')
    expect(await outcome(true)).toBe('AbortError')
    await server.when(() => server.requests.every(({ aborted }) => aborted))
    expect((await page(server)).repos).toHaveLength(100)
    expect(await (await get(server)).text()).toBe('<html>')
    expect(server.fired.map(({ fault }) => fault.do)).toEqual([...all, 'slow', 'garbage'])
  })

  it('fails to close when a fault never happened, unless it may', async () => {
    const server = await fakeRepos({
      faults: [
        { onRequest: 2, do: 'hang' },
        { onRequest: 3, do: 'reset', optional: true },
      ],
    })
    await page(server)
    await expect(server.close()).rejects.toThrow(
      /never happened.*\n.*"do":"hang"} fired 0 of 1 times$/,
    )
  })

  it('lists what is added to it', async () => {
    await using server = await fakeRepos({ repos: 2 })
    server.add(...generateRepos({ count: 1, seed: 9 }))
    expect((await page(server)).repos).toHaveLength(3)
  })
})
