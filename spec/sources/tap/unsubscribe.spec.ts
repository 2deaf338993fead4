import { Subject, takeUntil } from 'rxjs'
import { boundedMergeMap, type TapEvent } from '../../../src/index.js'
import { fakeTap } from '../../../src/testing/index.js'
import { ALICE, first, idsOf, records, tapped, Work } from './tapped.js'

const ackedIds = ({ acks }: { readonly acks: readonly { readonly id: number }[] }) =>
  acks.map(({ id }) => id)

describe('the end of a subscription to tap$', () => {
  it('by take(n) acks the last event too', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 3) })
    expect(idsOf(await first(2, tapped(tap).events$))).toEqual([1, 2])
    await tap.closed()
    expect(ackedIds(tap)).toEqual([1, 2])
  })

  it('by take(n) below the work acks the last one too', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 3) })
    const work = boundedMergeMap(async (event: { readonly id: number }) => event.id)
    expect(await first(2, tapped(tap).events$.pipe(work))).toEqual([1, 2])
    await tap.closed()
    expect(ackedIds(tap)).toEqual([1, 2])
  })

  it('keeps the connection until the work at hand has ended, and acks that', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 3, false) })
    const [stop$, work] = [new Subject<void>(), new Work()]
    const source = tapped(tap)
    const ended = new Promise<void>((complete) => {
      source.events$
        .pipe(takeUntil(stop$), boundedMergeMap(work.handle, { concurrency: 3 }))
        .subscribe({ complete })
    })
    await work.startedSo(3)
    stop$.next()
    expect(source.metrics.connection.state).toBe('closed')
    work.end(2)
    await tap.acked(1)
    expect(tap.connections[0]?.closed).toBeUndefined()
    work.end(1)
    work.end(3)
    await ended
    expect(await tap.closed()).toMatchObject({ closed: { code: 1000 } })
    expect(ackedIds(tap)).toEqual([2, 1, 3])
    expect(source.metrics).toMatchObject({ delivered: 3, done: 3, open: 0 })
  })

  it('takes in nothing more meanwhile', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 1) })
    const [stop$, work] = [new Subject<void>(), new Work()]
    const source = tapped(tap)
    source.events$.pipe(takeUntil(stop$), boundedMergeMap(work.handle)).subscribe()
    await work.startedSo(1)
    stop$.next()
    tap.emit(...records('did:plc:other', 3))
    work.end(1)
    await tap.closed()
    expect(ackedIds(tap)).toEqual([1])
    expect(source.metrics.frames).toBe(1)
    expect(idsOf(work.started)).toEqual([1])
  })

  it('gives up what waits: it is not acked, and comes again', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 3, false) })
    const work = new Work()
    const source = tapped(tap)
    // Nobody would receive a value of it any more.
    const handle = async (event: TapEvent) => void (await work.handle(event))
    const subscription = source.events$.pipe(boundedMergeMap(handle)).subscribe()
    await source.when(({ delivered }) => delivered === 3)
    subscription.unsubscribe()
    work.end(1)
    await tap.closed()
    expect(ackedIds(tap)).toEqual([1])
    tap.redeliver()
    expect(idsOf(await first(2, tapped(tap).events$))).toEqual([2, 3])
    await tap.drained()
  })

  it('closes at once where nothing is worked on', async () => {
    await using tap = await fakeTap()
    const source = tapped(tap)
    const subscription = source.events$.subscribe()
    await source.when(({ connection }) => connection.state === 'open')
    subscription.unsubscribe()
    expect(await tap.closed()).toMatchObject({ closed: { code: 1000 } })
    expect(tap.acks).toEqual([])
  })

  it('does not dial again, whether it comes while it connects, waits, or is open', async () => {
    await using tap = await fakeTap({ faults: [{ onConnect: 1, do: 'refuse' }] })
    const source = tapped(tap, { reconnect: { initialDelayMs: 60_000, jitter: 'none' } })
    const subscription = source.events$.subscribe()
    await source.when(({ connection }) => connection.state === 'waiting')
    subscription.unsubscribe()
    expect(source.metrics.connection.state).toBe('closed')
    expect(tap.attempts).toHaveLength(1)
  })
})
