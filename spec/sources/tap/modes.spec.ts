import { retry } from 'rxjs'
import { boundedMergeMap, hold, ingest, type TapEvent } from '../../../src/index.js'
import { fakeTap } from '../../../src/testing/index.js'
import { ALICE, BOB, first, idsOf, record, records, tapped, Work } from './tapped.js'

const ackedIds = ({ acks }: { readonly acks: readonly { readonly id: number }[] }) =>
  acks.map(({ id }) => id)

describe("ack: 'done'", () => {
  it('acks each event when the work on it has ended, in any order, not before', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 3, false) })
    const work = new Work()
    const subscription = tapped(tap)
      .events$.pipe(boundedMergeMap(work.handle, { concurrency: 3 }))
      .subscribe()
    await work.startedSo(3)
    expect(tap.acks).toEqual([])
    work.end(3)
    await tap.acked(1)
    expect(ackedIds(tap)).toEqual([3])
    work.end(1)
    work.end(2)
    await tap.drained()
    expect(ackedIds(tap)).toEqual([3, 1, 2])
    subscription.unsubscribe()
    await tap.closed()
  })

  it('acks at once what a filter stops and what a synchronous handler took', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 50) })
    const subscription = tapped(tap).events$.subscribe()
    await tap.drained()
    expect(ackedIds(tap)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1))
    subscription.unsubscribe()
    await tap.closed()
  })

  it('acks what a full queue dropped, and tells of the drop', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 5, false) })
    const [work, source] = [new Work(), tapped(tap)]
    const dropped: TapEvent[] = []
    const onDrop = (event: TapEvent) => dropped.push(event)
    const subscription = source.events$
      .pipe(boundedMergeMap(work.handle, { capacity: 1, overflow: 'drop-oldest', onDrop }))
      .subscribe()
    await tap.acked(3)
    expect(idsOf(dropped)).toEqual([2, 3, 4])
    expect(ackedIds(tap)).toEqual([2, 3, 4])
    work.end(1)
    await work.startedSo(2)
    work.end(2)
    await tap.drained()
    subscription.unsubscribe()
    await tap.closed()
    expect(source.metrics).toMatchObject({ delivered: 5, done: 2, dropped: 3 })
  })

  it('does not ack an event whose work failed, and emits it when it comes again', async () => {
    await using tap = await fakeTap({ events: [record(ALICE, 'a'), record(BOB, 'b')] })
    const source = tapped(tap)
    const seen: number[] = []
    const subscription = source.events$.subscribe(({ id }) => {
      seen.push(id)
      const release = hold()
      if (id === 1 && seen.length === 1) release.failed()
      else release()
    })
    await tap.acked(1)
    expect(ackedIds(tap)).toEqual([2])
    tap.redeliver()
    await tap.drained()
    expect(seen).toEqual([1, 2, 1])
    expect(ackedIds(tap)).toEqual([2, 1])
    subscription.unsubscribe()
    await tap.closed()
    expect(source.metrics).toMatchObject({ delivered: 3, done: 2, failed: 1, duplicates: 0 })
  })

  it('leaves what failed to the next subscription of a retry', async () => {
    await using tap = await fakeTap({ events: [record(ALICE, 'a')] })
    let calls = 0
    const handle = async (event: TapEvent) => {
      calls += 1
      if (calls === 1) throw new Error('no')
      return event.id
    }
    const ids = first(1, tapped(tap).events$.pipe(boundedMergeMap(handle), retry()))
    await tap.connected(2)
    expect(tap.acks).toEqual([])
    tap.redeliver()
    expect(await ids).toEqual([1])
    await tap.drained()
    expect(tap.acks).toEqual([{ id: 1, connection: 2, delivery: 2, stray: false }])
  })

  it('acks what the dead letter took', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 2) })
    const letters: unknown[] = []
    const handle = ({ id }: TapEvent) => {
      if (id === 1) throw new Error('poison')
    }
    const onDeadLetter = (event: TapEvent, error: unknown): void => {
      letters.push([event.id, (error as Error).message])
    }
    const options = { attempts: 2, backoff: { initialDelayMs: 1 }, onDeadLetter }
    expect(
      idsOf(await first(2, tapped(tap).events$.pipe(ingest({ '*': handle }, options)))),
    ).toEqual([1, 2])
    await tap.drained()
    expect(letters).toEqual([[1, 'poison']])
  })
})

describe("ack: 'receipt'", () => {
  it('acks an event as it comes in, whatever becomes of it', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 3) })
    const work = new Work()
    const subscription = tapped(tap, { ack: 'receipt' })
      .events$.pipe(boundedMergeMap(work.handle))
      .subscribe()
    await tap.drained()
    expect(ackedIds(tap)).toEqual([1, 2, 3])
    expect(work.ended).toEqual([])
    subscription.unsubscribe()
    await tap.closed()
  })
})

describe("ack: 'none'", () => {
  it('never says a word, to a server that wants none', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 3), disableAcks: true })
    expect(idsOf(await first(3, tapped(tap, { ack: 'none' }).events$))).toEqual([1, 2, 3])
    await tap.drained()
    expect((await tap.closed()).messages).toEqual([])
  })
})

describe('tap$', () => {
  it('says who it is, and offers neither a subprotocol nor compression', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 1) })
    await first(1, tapped(tap, { userAgent: 'indexer/2' }).events$)
    const { headers, url } = await tap.connected()
    expect(url).toBe('/channel')
    expect(headers).toMatchObject({ 'user-agent': 'indexer/2' })
    expect(headers).not.toHaveProperty('sec-websocket-protocol')
    expect(headers).not.toHaveProperty('sec-websocket-extensions')
    expect(headers).not.toHaveProperty('authorization')
  })

  it('is cold: each subscription has a connection and a memory of its own', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 1) })
    const { events$ } = tapped(tap)
    expect(tap.attempts).toEqual([])
    await first(1, events$)
    await tap.closed()
    tap.emit(...records(BOB, 1))
    await first(1, events$)
    await tap.drained()
    expect(tap.attempts).toHaveLength(2)
  })
})
