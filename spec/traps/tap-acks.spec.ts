import { boundedMergeMap, ingest, type TapEvent } from '../../src/index.js'
import { fakeTap, generateTapEvents } from '../../src/testing/index.js'
import { ALICE, BOB, idsOf, record, records, rkeysOf, tapped, Work } from '../sources/tap/tapped.js'
import { connect } from '../testing/fake-tap-client.js'

const ackedIds = ({ acks }: { readonly acks: readonly { readonly id: number }[] }) =>
  acks.map(({ id }) => id)

describe('an ack before delivery', () => {
  it('nothing is acked while the handlers run: a crash then loses nothing', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 33, false) })
    const [source, work] = [tapped(tap), new Work()]
    const subscription = source.events$
      .pipe(boundedMergeMap(work.handle, { concurrency: 33 }))
      .subscribe()
    await work.startedSo(33)
    expect(tap.connections[0]?.messages).toEqual([])
    for (let n = 1; n <= 33; n += 1) work.end(n)
    await tap.drained()
    subscription.unsubscribe()
    await tap.closed()
  })
})

describe('a handler that dies in silence', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('no'))],
  ] as const)('one that %s ends the stream, and its event is not acked', async (_, handle) => {
    await using tap = await fakeTap({ events: records(ALICE, 1) })
    const error = await new Promise<Error>((resolve) => {
      tapped(tap)
        .events$.pipe(boundedMergeMap(handle as () => Promise<never>))
        .subscribe({ error: resolve })
    })
    expect(error.message).toBe('no')
    await tap.closed()
    expect(tap.acks).toEqual([])
  })

  it('one that never settles is reported while it hangs; other repos go on', async () => {
    await using tap = await fakeTap({ events: [record(ALICE, 'hangs'), ...records(BOB, 20)] })
    const slow: number[] = []
    let heard = (): void => {}
    const told = new Promise<void>((resolve) => {
      heard = resolve
    })
    const onSlow = ({ id }: TapEvent) => {
      slow.push(id)
      heard()
    }
    let settle = (): void => {}
    const hanging = new Promise<void>((resolve) => {
      settle = resolve
    })
    const handle = (event: TapEvent) => (event.did === ALICE ? hanging : Promise.resolve())
    const source = tapped(tap)
    const subscription = source.events$
      .pipe(boundedMergeMap(handle, { concurrency: 2, slowAfterMs: 20, onSlow }))
      .subscribe()
    await tap.acked(20)
    await told
    expect(slow[0]).toBe(1)
    expect(tap.outbox.map(({ id }) => id)).toEqual([1])
    subscription.unsubscribe()
    // Otherwise the connection stays for ten seconds, and the process with it.
    settle()
    await tap.closed()
  })
})

describe('a connection that ends while a handler runs', () => {
  it('reconnects meanwhile, and acks the event that comes again, handled once', async () => {
    await using tap = await fakeTap({
      events: records(ALICE, 2),
      faults: [{ after: 1, do: 'drop' }],
    })
    const [source, work] = [tapped(tap), new Work()]
    const subscription = source.events$.pipe(boundedMergeMap(work.handle)).subscribe()
    await work.startedSo(1)
    await tap.connected(2)
    work.end(1)
    tap.redeliver()
    await work.startedSo(2)
    work.end(2)
    await tap.drained()
    expect(work.ids).toEqual([1, 2])
    expect(tap.acks).toEqual([
      { id: 1, connection: 2, delivery: 2, stray: false },
      { id: 2, connection: 2, delivery: 1, stray: false },
    ])
    subscription.unsubscribe()
    await tap.closed(2)
  })

  it('may end while the event comes again: it is handled once, then acked', async () => {
    await using tap = await fakeTap({
      events: records(ALICE, 1),
      faults: [{ after: 1, do: 'drop' }],
    })
    const [source, work] = [tapped(tap), new Work()]
    const subscription = source.events$
      .pipe(boundedMergeMap(work.handle, { concurrency: 5 }))
      .subscribe()
    await work.startedSo(1)
    await tap.connected(2)
    tap.redeliver()
    await tap.when(() => tap.sent === 2)
    work.end(1)
    await tap.drained()
    expect(work.ids).toEqual([1])
    subscription.unsubscribe()
    await tap.closed(2)
  })
})

describe('acks that are carried over a reconnect', () => {
  it('a server that counts from 1 again gets no stale ack, and loses no event', async () => {
    await using tap = await fakeTap({
      events: [record(ALICE, 'old-1', false), record(ALICE, 'old-2', false)],
      ackFlushMs: 0,
    })
    const [source, work] = [tapped(tap), new Work()]
    const subscription = source.events$
      .pipe(boundedMergeMap(work.handle, { concurrency: 10 }))
      .subscribe()
    await work.startedSo(2)
    // Somebody else has done these: the outbox is empty when the server dies.
    await using other = await connect(tap.url)
    other.ack(1, 2)
    await tap.acked(2)
    tap.restart()
    expect(tap.emit(record(BOB, 'new-1'), record(BOB, 'new-2'), record(BOB, 'new-3'))).toEqual([
      1, 2, 3,
    ])
    await tap.connected(3)
    await work.startedSo(3)
    work.end(1)
    work.end(2)
    for (const next of [3, 4, 5]) {
      await work.startedSo(next)
      work.end(next)
    }
    await tap.drained()
    expect(rkeysOf(work.started)).toEqual(['old-1', 'old-2', 'new-1', 'new-2', 'new-3'])
    expect(tap.acks.slice(2)).toEqual(
      [1, 2, 3].map((id) => ({ id, connection: 3, delivery: 1, stray: false })),
    )
    subscription.unsubscribe()
    await tap.closed(3)
  })

  it('events whose acks a restart forgot are handled again, in order, and acked', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 5), ackFlushMs: 0 })
    const [source, seen] = [tapped(tap), [] as number[]]
    const subscription = source.events$.subscribe(({ id }) => seen.push(id))
    await tap.drained()
    tap.restart({ forgetAcks: 3 })
    await tap.drained()
    expect(seen).toEqual([1, 2, 3, 4, 5, 3, 4, 5])
    expect(ackedIds(tap)).toEqual([1, 2, 3, 4, 5, 3, 4, 5])
    subscription.unsubscribe()
    await tap.closed(2)
  })

  it('over five drops during work, no ack is stray or early, and none is missing', async () => {
    const all = [...generateTapEvents({ count: 400, dids: 10, live: 0.7 })]
    const faults = [40, 90, 150, 230, 300].map((after) => ({ after, do: 'drop' }) as const)
    await using tap = await fakeTap({ events: all, faults, retryTimeoutMs: 50 })
    const [source, seen] = [tapped(tap), [] as TapEvent[]]
    const handle = async (event: TapEvent) => {
      await new Promise((resolve) => setImmediate(resolve))
      seen.push(event)
    }
    const subscription = source.events$
      .pipe(boundedMergeMap(handle, { concurrency: 8, orderBy: ({ did }) => did }))
      .subscribe()
    await tap.drained()
    expect(tap.acks.filter(({ stray, delivery }) => stray || delivery === 0)).toEqual([])
    // What was in hand at a drop may be handled again; nothing else is.
    expect([...new Set(idsOf(seen))].sort((a, b) => a - b)).toEqual(
      all.map((_, index) => index + 1),
    )
    expect(seen.length - all.length).toBeLessThanOrEqual(8 * faults.length)
    subscription.unsubscribe()
    await tap.closed(6)
  })
})

describe('copies, reader or no reader', () => {
  it('110 frames for 11 events are 11 events, and 110 acks', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 11, false) })
    for (let tick = 0; tick < 9; tick += 1) tap.redeliver()
    const [source, seen] = [tapped(tap), [] as number[]]
    const subscription = source.events$.subscribe(({ id }) => seen.push(id))
    await tap.when(() => tap.acks.length === 110)
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    subscription.unsubscribe()
    await tap.closed()
    expect(source.metrics).toMatchObject({
      frames: 110,
      events: 110,
      duplicates: 99,
      delivered: 11,
      done: 11,
    })
  })

  it('copies of what is in hand are not handled, and acked with it', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 2, false) })
    const [source, work] = [tapped(tap), new Work()]
    const subscription = source.events$
      .pipe(boundedMergeMap(work.handle, { concurrency: 10 }))
      .subscribe()
    await work.startedSo(2)
    for (let tick = 0; tick < 4; tick += 1) tap.redeliver()
    await source.when(({ duplicates }) => duplicates === 8)
    expect(tap.acks).toEqual([])
    work.end(1)
    work.end(2)
    await tap.when(() => tap.acks.length === 10)
    expect(work.ids).toEqual([1, 2])
    subscription.unsubscribe()
    await tap.closed()
  })
})

describe('an event that always fails', () => {
  it('ends in an ack through the dead letter, and its repository goes on', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 3) })
    const [letters, handled]: [TapEvent[], TapEvent[]] = [[], []]
    const handle = async (event: TapEvent) => {
      if (event.id === 2) throw new Error('always')
      handled.push(event)
    }
    const onDeadLetter = async (event: TapEvent) => {
      letters.push(event)
    }
    const work = ingest<TapEvent, '*'>(
      { '*': handle },
      { attempts: 3, backoff: { initialDelayMs: 1 }, onDeadLetter },
    )
    const subscription = tapped(tap).events$.pipe(work).subscribe()
    await tap.drained()
    expect([idsOf(handled), idsOf(letters)]).toEqual([[1, 3], [2]])
    expect(ackedIds(tap)).toEqual([1, 2, 3])
    subscription.unsubscribe()
    await tap.closed()
  })

  it('without a dead letter is never acked: the stream ends instead', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 3) })
    const handle = () => {
      throw new Error('always')
    }
    const work = ingest<TapEvent, '*'>(
      { '*': handle },
      { attempts: 2, backoff: { initialDelayMs: 1 } },
    )
    const error = await new Promise<unknown>((resolve) => {
      tapped(tap).events$.pipe(work).subscribe({ error: resolve })
    })
    expect(error).toMatchObject({ code: 'INGEST', event: { id: 1 } })
    await tap.closed()
    expect(tap.acks).toEqual([])
    expect(tap.outbox).toHaveLength(3)
  })

  it('whose dead letter fails is not acked either', async () => {
    await using tap = await fakeTap({ events: records(ALICE, 1) })
    const options = {
      onError: 'skip',
      onDeadLetter: async () => Promise.reject(new Error('no room')),
    } as const
    const work = ingest<TapEvent, '*'>({ '*': () => Promise.reject(new Error('always')) }, options)
    const error = await new Promise<unknown>((resolve) => {
      tapped(tap).events$.pipe(work).subscribe({ error: resolve })
    })
    expect(error).toMatchObject({ code: 'INGEST' })
    await tap.closed()
    expect(tap.acks).toEqual([])
  })
})
