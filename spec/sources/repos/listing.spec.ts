import { lastValueFrom, merge, take, toArray } from 'rxjs'
import { listRepos$, streamMetrics, VERSION } from '../../../src/index.js'
import { fakeRepos, generateRepos } from '../../../src/testing/index.js'
import { bytesOf } from '../../helpers/recordings.js'
import { expectBalanced } from '../../helpers/streams.js'
import { didsOf, Listed } from './listed.js'

describe('listRepos$', () => {
  it.each(['relay', 'pds'] as const)(
    'lists every repo of a %s in order, and completes',
    async (style) => {
      await using server = await fakeRepos({ repos: 95, style })
      const listed = new Listed(server)
      const repos = await lastValueFrom(listed.repos$.pipe(toArray()))
      expect(repos).toEqual(server.repos)
      expect(listed.states).toEqual(['idle', 'connecting', 'open', 'closed'])
      expectBalanced(listed.metrics)
      expect(listed.metrics).toMatchObject({
        frames: 95,
        events: 95,
        delivered: 95,
        done: 95,
        open: 0,
        cursor: 10,
        reconnects: 0,
      })
      expect(listed.metrics.bytes).toBeGreaterThan(95 * 100)
    },
  )

  it.each([
    ['relay', 20],
    ['pds', 20],
    ['relay', 0],
    ['pds', 0],
  ] as const)(
    'ends a listing of a %s at %d repos, where an empty page is all that says so',
    async (style, count) => {
      await using server = await fakeRepos({ repos: count, style })
      const listed = new Listed(server)
      expect(await lastValueFrom(listed.repos$.pipe(toArray()))).toHaveLength(count)
      expect(server.requests).toHaveLength(count / 10 + 1)
      expect(listed.metrics.cursor).toBe(count === 0 ? undefined : 2)
    },
  )

  it('takes an empty list that a Go server writes as null for an end', async () => {
    await using server = await fakeRepos({
      repos: 10,
      faults: [{ onRequest: 2, do: 'garbage', body: '{"repos":null}\n' }],
    })
    expect(await lastValueFrom(new Listed(server).repos$.pipe(toArray()))).toHaveLength(10)
  })

  it('passes on statuses and members that it does not know', async () => {
    const [repo] = generateRepos({ count: 1 })
    const strange = {
      ...repo,
      active: false,
      status: 'hibernating',
      extra: { of: 'a later version' },
    }
    const { active: _, ...silent } = repo as { active: boolean; did: string }
    await using server = await fakeRepos({ repos: [strange, silent] })
    expect(await lastValueFrom(new Listed(server).repos$.pipe(toArray()))).toEqual([
      strange,
      silent,
    ])
  })

  it('asks for 1000 at a time, as this library, with the headers that were given', async () => {
    await using server = await fakeRepos({ repos: 1 })
    await lastValueFrom(listRepos$({ host: server.url, headers: { 'x-key': 'a' } }))
    await lastValueFrom(listRepos$({ host: server.host, userAgent: 'me/1', limit: 7 }))
    const [one, other] = server.requests
    expect(one).toMatchObject({
      limit: '1000',
      cursor: undefined,
      headers: { 'user-agent': `rxjs-atproto/${VERSION}`, 'x-key': 'a' },
    })
    expect(other).toMatchObject({ limit: '7', headers: { 'user-agent': 'me/1' } })
  })

  it('starts at a cursor', async () => {
    await using server = await fakeRepos({ repos: 30 })
    const repos = await lastValueFrom(new Listed(server, { cursor: '20' }).repos$.pipe(toArray()))
    expect(repos).toEqual(server.repos.slice(20))
    expect(server.requests[0]?.cursor).toBe('20')
  })

  it('is cold: two subscriptions share nothing, and list all', async () => {
    await using server = await fakeRepos({ repos: 15 })
    const repos$ = listRepos$({ host: server.url, limit: 10 })
    expect(server.requests).toHaveLength(0)
    const repos = await lastValueFrom(merge(repos$, repos$).pipe(toArray()))
    expect(repos).toHaveLength(30)
    expect(server.requests).toHaveLength(4)
  })

  it('lists several hosts side by side, each with its own numbers', async () => {
    await using one = await fakeRepos({ repos: 25, seed: 1 })
    await using two = await fakeRepos({ repos: 12, seed: 2, style: 'pds' })
    const metrics = new Map<string, ReturnType<typeof streamMetrics>>()
    const metrics$ = (host: string) => {
      const subject = streamMetrics()
      metrics.set(host, subject)
      return subject
    }
    const repos = await lastValueFrom(
      listRepos$({ host: [one.url, two.url], limit: 10, metrics$ }).pipe(toArray()),
    )
    expect([...didsOf(repos)].sort()).toEqual([...didsOf([...one.repos, ...two.repos])].sort())
    const delivered = [...metrics].map(([host, { value }]) => [
      host,
      value.delivered,
      value.connection,
    ])
    const pathOf = (url: string) => `${url}/xrpc/com.atproto.sync.listRepos`
    const closed = (url: string) => ({
      state: 'closed',
      host: pathOf(url),
      since: expect.any(Number),
    })
    expect(delivered).toEqual([
      [pathOf(one.url), 25, closed(one.url)],
      [pathOf(two.url), 12, closed(two.url)],
    ])
  })

  it('aborts the request that is under way when it is unsubscribed from', async () => {
    await using server = await fakeRepos({ repos: 20, faults: [{ onRequest: 2, do: 'hang' }] })
    const listed = new Listed(server)
    const subscription = listed.repos$.subscribe()
    await server.when(() => server.requests.length === 2)
    subscription.unsubscribe()
    await server.when(() => server.requests[1]?.aborted === true)
    expect(listed.metrics.connection).toMatchObject({ state: 'closed' })
    expect(listed.seen).toHaveLength(10)
  })

  it('emits no more than was taken, and asks for no page behind it', async () => {
    await using server = await fakeRepos({ repos: 100 })
    const listed = new Listed(server)
    const repos = await lastValueFrom(listed.repos$.pipe(take(13), toArray()))
    expect(repos).toEqual(server.repos.slice(0, 13))
    expect(server.requests).toHaveLength(2)
    expect(listed.metrics).toMatchObject({ delivered: 13, connection: { state: 'closed' } })
  })

  it('lists 50,000 repos in pages of 1000 without growing the stack', async () => {
    await using server = await fakeRepos({
      repos: Array.from({ length: 50_000 }, (_, n) => ({
        did: `did:web:${n}.example`,
        head: '',
        rev: '',
      })),
    })
    const listed = new Listed(server, { limit: 1000 })
    let count = 0
    await new Promise<void>((resolve, reject) => {
      listed.repos$.subscribe({ next: () => count++, error: reject, complete: resolve })
    })
    expect(count).toBe(50_000)
    expectBalanced(listed.metrics)
  })

  it('lists the recorded page of a PDS', async () => {
    const body = bytesOf('local/list_repos.json')
    await using server = await fakeRepos({
      style: 'pds',
      faults: [{ onRequest: 1, do: 'garbage', body }],
    })
    const listed = new Listed(server)
    const repos = await lastValueFrom(listed.repos$.pipe(toArray()))
    const page = JSON.parse(body.toString()) as { cursor: string; repos: object[] }
    expect(repos).toEqual(page.repos)
    expect(repos).toHaveLength(4)
    expect(server.requests[1]?.cursor).toBe(page.cursor)
  })

  it('publishes its numbers each second', async () => {
    await using server = await fakeRepos({
      repos: 10,
      faults: [
        { onRequest: 2, do: 'hang', optional: true },
        { onRequest: 1, do: 'slow', delayMs: 1 },
      ],
    })
    const listed = new Listed(server)
    const subscription = listed.repos$.subscribe()
    const counted = await listed.when(({ delivered, done }) => delivered === 10 && done === 10)
    expectBalanced(counted)
    subscription.unsubscribe()
  })
})
