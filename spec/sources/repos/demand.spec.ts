import { lastValueFrom, map, Subject, take, toArray } from 'rxjs'
import { boundedBatchMap, boundedMergeMap, hold, type Release } from '../../../src/index.js'
import { fakeRepos } from '../../../src/testing/index.js'
import { expectBalanced } from '../../helpers/streams.js'
import { didsOf, Listed } from './listed.js'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('the paging of listRepos$', () => {
  it('stops when a queue is full, holding less than a page, and goes on with room', async () => {
    await using server = await fakeRepos({ repos: 100 })
    const listed = new Listed(server)
    const gate = new Subject<void>()
    const work = boundedMergeMap(
      (repo: { did: string }) =>
        gate.pipe(
          take(1),
          map(() => repo.did),
        ),
      { capacity: 14, concurrency: 1 },
    )
    const done: string[] = []
    const over = lastValueFrom(listed.repos$.pipe(work, toArray())).then((all) => done.push(...all))
    await listed.when(({ connection, queued }) => connection.state === 'paused' && queued === 14)
    expect(server.requests).toHaveLength(2)
    // One runs, 14 wait; five of the second page are in hand.
    expect(listed.seen).toHaveLength(15)
    for (let n = 0; n < 20; n += 1) await turn()
    expect(server.requests).toHaveLength(2)
    const opening = setInterval(() => gate.next(), 0)
    await listed.when(({ connection }) => connection.state === 'closed')
    clearInterval(opening)
    await over
    expect([...done].sort()).toEqual([...didsOf(server.repos)].sort())
    expect(server.requests).toHaveLength(11)
    expectBalanced(listed.metrics)
  })

  it('delivers every repo once through a queue that is smaller than a page', async () => {
    await using server = await fakeRepos({ repos: 230, style: 'pds' })
    const listed = new Listed(server, { limit: 100 })
    let [running, most] = [0, 0]
    const work = async (repo: { did: string }) => {
      running += 1
      most = Math.max(most, running, listed.metrics.open)
      await turn()
      running -= 1
      return repo.did
    }
    const done = await lastValueFrom(
      listed.repos$.pipe(boundedMergeMap(work, { capacity: 8, concurrency: 4 }), toArray()),
    )
    expect([...done].sort()).toEqual([...didsOf(server.repos)].sort())
    expect(most).toBeLessThanOrEqual(12)
    expect(listed.states).toContain('paused')
  })

  it('takes a page that was under way when the queue filled up, and no other', async () => {
    await using server = await fakeRepos({
      repos: 60,
      faults: [{ onRequest: 2, do: 'slow', delayMs: 1 }],
    })
    const listed = new Listed(server)
    const holds: Release[] = []
    const work = boundedMergeMap(() => new Promise<void>(() => {}), {
      capacity: 10,
      concurrency: 1,
    })
    const subscription = listed.repos$
      .pipe(
        map((repo) => {
          holds.push(hold())
          return repo
        }),
        work,
      )
      .subscribe()
    await listed.when(({ connection }) => connection.state === 'paused')
    for (let n = 0; n < 20; n += 1) await turn()
    expect(server.requests.length).toBeLessThanOrEqual(2)
    expect(listed.seen).toHaveLength(11)
    subscription.unsubscribe()
    expect(holds).toHaveLength(11)
  })

  it('does not wait for ever for a batch that is waiting for more', async () => {
    await using server = await fakeRepos({ repos: 25 })
    const batches$ = new Listed(server).repos$.pipe(
      boundedBatchMap((repos) => [repos.length], { size: 10, maxWaitMs: 5 }),
    )
    expect(await lastValueFrom(batches$.pipe(toArray()))).toEqual([10, 10, 5])
  })

  it('completes when the last delivery is done, and not before', async () => {
    await using server = await fakeRepos({ repos: 12 })
    const listed = new Listed(server)
    const holds: Release[] = []
    let completed = false
    listed.repos$.subscribe({
      next: () => holds.push(hold()),
      complete: () => {
        completed = true
      },
    })
    await listed.received(12)
    for (const release of holds.slice(1)) release()
    await turn()
    expect(completed).toBe(false)
    holds[0]?.()
    expect(completed).toBe(false)
    await listed.when(({ connection }) => connection.state === 'closed')
    expect(completed).toBe(true)
  })

  it('tells of repos that a queue gave up as of a gap', async () => {
    await using server = await fakeRepos({ repos: 10 })
    const listed = new Listed(server)
    const gate = new Subject<void>()
    const work = boundedMergeMap(() => gate, { capacity: 2, overflow: 'drop-newest' })
    const over = lastValueFrom(listed.repos$.pipe(work), { defaultValue: undefined })
    await listed.when(({ dropped }) => dropped === 7)
    gate.complete()
    await over
    expect(listed.gaps).toEqual([
      expect.objectContaining({ from: 1, to: 1, reason: 'dropped', recoverable: false, count: 7 }),
    ])
    expectBalanced(listed.metrics)
  })
})
