import fc from 'fast-check'
import { Subject, tap } from 'rxjs'
import { ConfigError } from '../../../src/errors.js'
import {
  hold,
  type JetstreamEvent,
  type JetstreamFilters,
  memoryCursorStore,
  streamMetrics,
} from '../../../src/index.js'
import { SharedCheckpoint } from '../../../src/sources/jetstream/shared-checkpoint.js'
import { splitDids } from '../../../src/sources/jetstream/split-dids.js'
import { sumOf } from '../../../src/sources/jetstream/summed-metrics.js'
import { type FakeConnection, fakeJetstream } from '../../../src/testing/index.js'
import { expectBalanced } from '../../helpers/streams.js'
import { first, generated, watched } from '../../traps/watched.js'

const manyDids = (count: number) =>
  Array.from({ length: count }, (_, index) => `did:plc:${String(index).padStart(24, 'a')}`)

describe('splitDids', () => {
  it('keeps each repository on one connection, where it is, and none above the limit', () => {
    const list = fc.uniqueArray(fc.constantFrom(...'abcdefghijkl'), { maxLength: 12 })
    const property = fc.property(fc.array(list, { minLength: 1 }), (changes) => {
      let before: readonly (readonly string[])[] = []
      for (const dids of changes) {
        const after = splitDids({ dids }, 3, before).map((part) => part.dids ?? [])
        expect(after.flat().sort()).toEqual([...dids].sort())
        expect(Math.max(...after.map(({ length }) => length))).toBeLessThanOrEqual(3)
        expect(after.length).toBeGreaterThanOrEqual(before.length)
        for (const [index, part] of before.entries())
          for (const did of part.filter((one) => dids.includes(one)))
            expect(after[index]).toContain(did)
        before = after
      }
    })
    fc.assert(property)
  })

  it('gives the other filters to each connection', () => {
    const filters = { collections: ['a.b.c'], dids: ['x', 'y', 'x'], maxMessageSizeBytes: 9 }
    expect(splitDids(filters, 1, [])).toEqual([
      { ...filters, dids: ['x'] },
      { ...filters, dids: ['y'] },
    ])
  })

  it('needs one connection without DIDs, and refuses to leave several', () => {
    expect(splitDids({ kinds: ['commit'] }, 3, [['a']])).toEqual([{ kinds: ['commit'] }])
    expect(() => splitDids({}, 3, [['a'], ['b']])).toThrow(ConfigError)
  })
})

describe('the checkpoint of several connections', () => {
  const at = (position: number, host = 'ws://a') =>
    JSON.stringify({ host, position, time_us: position })
  const reading = () => false

  it('is the oldest of their positions, once each has one', async () => {
    const store = memoryCursorStore()
    const shared = new SharedCheckpoint({ store }, 'ws://a')
    const [one, two] = [shared.join('first', reading).store, shared.join('first', reading).store]
    await one.save('key', at(7))
    expect(await store.load('key')).toBeUndefined()
    await two.save('key', at(5))
    expect(await store.load('key')).toBe(at(5))
    await two.save('key', at(9))
    expect(await store.load('key')).toBe(at(7))
  })

  it('compares the positions of two hosts by their times', async () => {
    const store = memoryCursorStore()
    const shared = new SharedCheckpoint({ store }, 'ws://a')
    const [one, two] = [shared.join('first', reading).store, shared.join('first', reading).store]
    const late = JSON.stringify({ host: 'ws://b', position: 1, time_us: 100 })
    await one.save('key', at(7))
    await two.save('key', late)
    expect(await store.load('key')).toBe(at(7))
  })

  it('stays where it is while a late connection has no position', async () => {
    const store = memoryCursorStore()
    const shared = new SharedCheckpoint({ store }, 'ws://a')
    const one = shared.join('first', reading).store
    await one.save('key', at(5))
    const two = shared.join('late', reading).store
    expect(await two.load('key')).toBeUndefined()
    await one.save('key', at(9))
    expect(await store.load('key')).toBe(at(5))
    await two.save('key', at(8))
    expect(await store.load('key')).toBe(at(8))
  })

  it('goes past a connection that reads nothing any more, when all of it is done', async () => {
    const store = memoryCursorStore()
    const shared = new SharedCheckpoint({ store }, 'ws://a')
    let isOver = false
    const one = shared.join('first', reading).store
    const two = shared.join('first', () => isOver).store
    await one.save('key', at(7))
    await two.save('key', at(5))
    await one.save('key', at(8))
    expect(await store.load('key')).toBe(at(5))
    isOver = true
    await one.save('key', at(9))
    expect(await store.load('key')).toBe(at(9))
  })

  it('fails with its store, and tries again', async () => {
    const memory = memoryCursorStore()
    let isFull = true
    const store = {
      load: (key: string) => memory.load(key),
      save: async (key: string, text: string) => {
        if (isFull) throw new Error('full')
        await memory.save(key, text)
      },
    }
    const one = new SharedCheckpoint({ store }, 'ws://a').join('first', reading).store
    await expect(one.save('key', at(5))).rejects.toThrow('full')
    isFull = false
    await one.save('key', at(5))
    expect(await memory.load('key')).toBe(at(5))
  })
})

describe('a URL that a proxy refuses, on an explicit wire v2', () => {
  it('is split over connections, which read all of the filter', async () => {
    const dids = manyDids(200)
    const faults = [1, 3].map((onConnect) => ({ onConnect, do: 'refuse', status: 414 }) as const)
    await using server = await fakeJetstream({ server: 'v2', faults })
    const source = watched(server, { wire: 'v2', host: server.host, dids })
    const events = first(200, source.events$)
    await server.when(() => server.connections.reduce((sum, one) => sum + sizeOf(one), 0) === 200)
    expect(server.attempts.map(({ status }) => status)).toEqual([414, 101, 414, 101, 101])
    expect(server.connections.map(sizeOf).sort()).toEqual([100, 50, 50])
    server.emit(
      ...generated(200, { startUs: Date.now() * 1000 }).map((event, index) => ({
        ...event,
        did: dids[index] ?? '',
      })),
    )
    expect((await events).map(({ did }) => did).sort()).toEqual([...dids].sort())
    expect(source.metrics.connection.state).toBe('closed')
  })
})

describe('the metrics of several connections', () => {
  const base = streamMetrics().value
  const open = { state: 'open', host: 'ws://a', reason: undefined, since: 0 } as const
  const away = { state: 'connecting', host: 'ws://b', reason: undefined, since: 0 } as const

  it('are summed, and name the connection that needs attention', () => {
    const parts = [
      { ...base, connection: open, frames: 5, events: 5, delivered: 5, done: 5, cursor: 9 },
      { ...base, connection: away, frames: 3, events: 2, control: 1, delivered: 2, open: 2 },
    ]
    const total = sumOf([
      { ...parts[0], lastEventAt: 5, lagMs: 1, checkpoint: 7 },
      { ...parts[1], lastEventAt: 8, lagMs: 4, cursor: 4 },
    ] as Parameters<typeof sumOf>[0])
    expectBalanced(total)
    expect(total).toMatchObject({ frames: 8, delivered: 7, open: 2, cursor: 4, lagMs: 4 })
    expect(total.connection).toBe(away)
    expect(total.checkpoint).toBeUndefined()
  })
})

/** How many DIDs a connection asks for, in its URL or in its last message. */
const sizeOf = ({ params, messages }: FakeConnection): number =>
  messages.length > 0
    ? JSON.parse(messages.at(-1) ?? '').payload.wantedDids.length
    : params.getAll('dids').length + params.getAll('wantedDids').length

describe.each([
  ['v1', 20_010, [10_000, 10_000, 10]],
  ['v2', 10_000, [9893, 107]],
] as const)('more DIDs than one connection takes, on wire %s', (wire, count, sizes) => {
  const dids = manyDids(count)
  const startUs = Date.now() * 1000
  /** Events of these repositories, one a second. */
  const eventsOf = (...indices: readonly number[]): readonly JetstreamEvent[] =>
    generated(indices.length, { startUs, everyUs: 1_000_000 }).map((event, index) => ({
      ...event,
      did: dids[indices[index] ?? 0] ?? '',
    }))
  const didsOf = (events: readonly JetstreamEvent[]) => events.map(({ did }) => dids.indexOf(did))
  const serve = () =>
    fakeJetstream({ server: 'v2', generate: { operationsPerCommit: 1, sharedTime: false } })

  it('are read over several, as one stream, and unsubscribing closes them all', async () => {
    await using server = await serve()
    const source = watched(server, { wire, host: server.host, dids })
    const events = first(4, source.events$)
    await server.when(() => server.connections.length === sizes.length)
    await server.when(() => server.connections.every((connection) => sizeOf(connection) > 0))
    expect(server.connections.map(sizeOf)).toEqual(sizes)
    server.emit(...eventsOf(0, count - 1, 5, 9950))
    expect(didsOf(await events).sort((a, b) => a - b)).toEqual([0, 5, 9950, count - 1])
    await server.closed(sizes.length)
    expect(source.metrics).toMatchObject({ delivered: 4, connection: { state: 'closed' } })
    expect(source.gaps).toEqual([])
  })

  it('have one checkpoint, before the oldest event that is not done', async () => {
    await using server = await serve()
    const store = memoryCursorStore()
    const config = { wire, host: server.host, dids, checkpoint: { store, everyMs: 5 } } as const
    const releases: (() => void)[] = []
    const holding = tap<JetstreamEvent>(({ did }) => {
      const release = hold()
      if (did === dids[count - 1]) releases.push(release)
      else release()
    })
    const source = watched(server, config)
    const events = first(sizes.length + 1, source.events$.pipe(holding))
    await server.when(() => server.connections.length === sizes.length)
    await server.when(() => server.connections.every((connection) => sizeOf(connection) > 0))
    // One for each connection, and one that stays open.
    const indices = [count - 1, 0, ...(sizes.length === 3 ? [15_000] : []), 1]
    server.emit(...eventsOf(...indices))
    await events
    await source.when(({ open }) => open === 1)
    const again = watched(server, config)
    const repeated = await first(sizes.length + 1, again.events$)
    expect(didsOf(repeated)).toContain(count - 1)
    for (const release of releases) release()
  })

  it('are taken from `filters$`: the first connection goes on, and order holds', async () => {
    await using server = await serve()
    const filters$ = new Subject<JetstreamFilters>()
    const source = watched(server, {
      wire,
      host: server.host,
      dids: dids.slice(0, 60),
      filters$,
      filterChangesEveryMs: 0,
    })
    const seen: number[] = []
    const done = first(5, source.events$.pipe(tap(({ did }) => seen.push(dids.indexOf(did)))))
    await server.connected()
    server.emit(...eventsOf(50, 3))
    await source.when(({ delivered }) => delivered === 2)
    filters$.next({ dids })
    await server.when(
      () => server.connections.filter(({ closed }) => closed === undefined).length === sizes.length,
    )
    const open = () => server.connections.filter(({ closed }) => closed === undefined)
    await server.when(() => open().reduce((sum, one) => sum + sizeOf(one), 0) === count)
    server.emit(...eventsOf(50, 3, 3, 5, count - 1).slice(2))
    await done
    expect(seen.filter((index) => index < 9000)).toEqual([50, 3, 3, 5])
    expect(seen).toContain(count - 1)
    expect(source.gaps).toEqual([])
  })
})
