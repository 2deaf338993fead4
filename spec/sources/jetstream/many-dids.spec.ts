import fc from 'fast-check'
import { Observable, Subject, tap } from 'rxjs'
import { currentWatch } from '../../../src/delivery/subscription-watch.js'
import { ConfigError, RefusedError } from '../../../src/errors.js'
import {
  type CheckpointOptions,
  type CursorStore,
  hold,
  type JetstreamEvent,
  type JetstreamFilters,
  memoryCursorStore,
  streamMetrics,
} from '../../../src/index.js'
import { overConnections, type Reading } from '../../../src/sources/jetstream/connections.js'
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

  it('deals new DIDs out in turn, so that none is alone on its connection', () => {
    expect(splitDids({ dids: [...'abcdefg'] }, 6, []).map((part) => part.dids)).toEqual([
      ['a', 'c', 'e', 'g'],
      ['b', 'd', 'f'],
    ])
    const grown = splitDids({ dids: [...'abcdefg'] }, 3, [['a', 'b', 'c']])
    expect(grown.map((part) => part.dids)).toEqual([
      ['a', 'b', 'c'],
      ['d', 'f'],
      ['e', 'g'],
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

  it.each([false, true])(
    'goes by time where a log was renumbered, in any order (%s)',
    async (isReverse) => {
      const store = memoryCursorStore()
      const shared = new SharedCheckpoint({ store }, 'ws://a')
      const text = (position: number, time_us: number) =>
        JSON.stringify({ host: 'ws://a', position, time_us, done: 1, filter: {} })
      const texts = [text(1000, 5000), text(990, 4990), text(7, 9000)]
      const parts = texts.map(() => shared.join('first', reading).store)
      if (isReverse) parts.reverse()
      for (const [index, part] of parts.entries()) await part.save('key', texts[index] ?? '')
      expect(JSON.parse((await store.load('key')) ?? '')).toEqual({
        host: '',
        position: 990,
        time_us: 4990,
        filter: {},
      })
    },
  )

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

/** Two connections, each of one repository, whose deliveries the spec settles. */
function twoConnections(checkpoint: CheckpointOptions) {
  const filters$ = new Subject<JetstreamFilters>()
  const isDone = [true, true]
  const stores: CursorStore[] = []
  const read = ({ checkpoint: part }: Reading) =>
    new Observable<JetstreamEvent>(() => {
      const index = stores.push(part?.store ?? memoryCursorStore()) - 1
      const stream = { closed: false, watch: () => {}, publish: () => {}, flush: () => undefined }
      currentWatch()?.found({
        ...stream,
        get isDone() {
          return isDone[index] === true
        },
      })
    })
  const options = { filters$, start: undefined, metrics$: undefined, host: 'ws://a' } as const
  const filters = { dids: ['did:plc:one', 'did:plc:two'] }
  overConnections({ ...options, filters, mostDids: 1, checkpoint, read }).subscribe()
  return { filters$, isDone, stores }
}

describe('the checkpoint over two connections', () => {
  it('stays before what is open on one that was left at this moment', async () => {
    const store = memoryCursorStore()
    const { filters$, isDone, stores } = twoConnections({ store })
    const at = (position: number) => JSON.stringify({ host: 'ws://a', position, time_us: position })
    for (const one of stores) await one.save('key', at(5))
    isDone[1] = false
    filters$.next({ dids: ['did:plc:one'] })
    await stores[0]?.save('key', at(9))
    expect(await store.load('key')).toBe(at(5))
    isDone[1] = true
    await stores[0]?.save('key', at(10))
    expect(await store.load('key')).toBe(at(10))
  })
})

describe('a URL that a proxy refuses, on an explicit wire v2', () => {
  it('ends the stream beside an external checkpoint, whose position is that of one', async () => {
    const faults = [{ onConnect: 1, do: 'refuse', status: 414 } as const]
    await using server = await fakeJetstream({ server: 'v2', faults })
    const checkpoint = { store: memoryCursorStore(), external: true }
    const config = { wire: 'v2', host: server.host, dids: manyDids(200), checkpoint } as const
    await expect(first(1, watched(server, config).events$)).rejects.toThrow(RefusedError)
    expect(server.attempts).toHaveLength(1)
  })

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

const sizesOf = (connections: readonly FakeConnection[]): number =>
  connections.reduce((sum, one) => sum + sizeOf(one), 0)

describe.each([
  ['v1', 20_010, [6670, 6670, 6670]],
  ['v2', 10_000, [5000, 5000]],
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
    const indices = [count - 1, 0, ...(sizes.length === 3 ? [15_001] : []), 1]
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
    await source.received(2)
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

  it('are refused from `filters$` beside an external checkpoint', async () => {
    await using server = await serve()
    const filters$ = new Subject<JetstreamFilters>()
    const checkpoint = { store: memoryCursorStore(), external: true }
    const config = { wire, host: server.host, dids: dids.slice(0, 60), filters$, checkpoint }
    const events = first(1, watched(server, config).events$)
    await server.connected()
    filters$.next({ dids })
    await expect(events).rejects.toThrow('beside an external checkpoint')
    expect(server.attempts).toHaveLength(1)
  })

  it('are read from where the stream is when an idle connection receives them again', async () => {
    await using server = await serve()
    const filters$ = new Subject<JetstreamFilters>()
    const config = { wire, host: server.host, dids, filters$, filterChangesEveryMs: 0 }
    const source = watched(server, config)
    const events = eventsOf(0, 1, ...(sizes.length === 3 ? [2] : []), 0, 6, 0)
    const all = first(events.length, source.events$)
    const open = () => server.connections.filter(({ closed }) => closed === undefined)
    const change = async (changed: readonly string[], connections: number) => {
      filters$.next({ dids: changed })
      await server.when(() => open().length === connections && sizesOf(open()) === changed.length)
    }
    const dealt = (turn: number) => dids.filter((_did, index) => index % sizes.length === turn)
    const [removed = '', ...rest] = dealt(0)
    await server.when(() => open().length === sizes.length && sizesOf(open()) === count)
    server.emit(...events.slice(0, -3))
    await source.received(sizes.length)
    // The first connection alone reads on, also of the repository.
    await change([removed, ...rest], 1)
    server.emit(...events.slice(-3, -1))
    await source.received(sizes.length + 2)
    // Its place is taken while it is away.
    const others = [...rest, ...dealt(1)].slice(0, wire === 'v1' ? 10_000 : 9893)
    await change(others, 1)
    await change([...others, removed], 2)
    server.emit(...events.slice(-1))
    const times = (await all).filter(({ did }) => did === removed).map(({ time_us }) => time_us)
    expect(times).toEqual([...new Set(times)].sort((one, other) => one - other))
    expect(times).toHaveLength(3)
  })
})
