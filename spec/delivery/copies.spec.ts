import { join } from 'node:path'
import {
  filter,
  firstValueFrom,
  lastValueFrom,
  mergeMap,
  type Observable,
  type OperatorFunction,
  skip,
  take,
  tap,
} from 'rxjs'
import * as ourFile from '../../src/cursors/file.js'
import * as errors from '../../src/errors.js'
import type { JetstreamConfig, StreamMetrics } from '../../src/index.js'
import * as ourIndex from '../../src/index.js'
import * as ourRedis from '../../src/redis.js'
import { fakeFirehose, fakeJetstream, fakeTap, generateCommits } from '../../src/testing/index.js'
import { Changes } from '../../src/testing/server/changes.js'
import { copyOfLibrary, type Library } from '../helpers/copies.js'
import { describeRedis, redisServer } from '../helpers/redis-server.js'
import { clients } from '../redis-client/clients.js'
import { bundle, temporaryFolder } from '../socket/bundle.js'
import { ALICE, records } from '../sources/tap/tapped.js'

const ours: Library = { ...ourIndex, ...ourRedis, ...ourFile }
const FOREIGN = { VERSION: '9.8.7', DELIVERY_CONTRACT: 99 }
let theirs: Readonly<Record<'own rxjs' | 'shared rxjs', Library>>
let foreign: Library
beforeAll(async () => {
  theirs = {
    'own rxjs': await copyOfLibrary(),
    'shared rxjs': await copyOfLibrary({ rxjs: 'shared' }),
  }
  foreign = await copyOfLibrary({ rxjs: 'shared', version: FOREIGN })
})

const DIRECTIONS = ['ours over theirs', 'theirs over ours'] as const
type Direction = (typeof DIRECTIONS)[number]

const pairOf = (direction: Direction, other: Library) =>
  direction === 'ours over theirs'
    ? { operators: ours, sources: other }
    : { operators: other, sources: ours }

/** Work that ends when the spec says so. */
class Gates {
  readonly #ends: (() => void)[] = []
  readonly #changes = new Changes()
  #isOver = false

  readonly work = (): Promise<void> =>
    new Promise((resolve) => {
      if (this.#isOver) resolve()
      else this.#ends.push(resolve)
      this.#changes.notify()
    })

  /** When `count` works have begun. Metrics tell of it once a second. */
  begun(count: number): Promise<void> {
    return this.#changes.when(() => this.#ends.length === count)
  }

  /** Ends the first `count` works, or all, those that have not begun too. */
  finish(count?: number): void {
    this.#isOver ||= count === undefined
    for (const end of this.#ends.slice(0, count)) end()
  }
}

// Specs care for what operators hold, and not for what they emit.
type Operator = OperatorFunction<never, unknown>

const ingesting = ({ ingest }: Library, work: () => Promise<void>, drainMs?: number): Operator => {
  const options = { concurrency: 20, ...(drainMs !== undefined && { drainMs }) }
  return ingest<
    { readonly kind: 'commit'; readonly commit: { readonly collection: string } },
    '*' | 'identity' | 'account'
  >({ '*': work, identity: work, account: work }, options) as OperatorFunction<unknown, unknown>
}

/** Every way in which a program keeps a delivery open. */
const OPERATORS: Readonly<
  Record<string, (library: Library, work: () => Promise<void>) => Operator>
> = {
  hold: ({ hold }, work) =>
    tap(() => {
      const release = hold()
      void work().then(release)
    }),
  held: ({ held }, work) => mergeMap(held(work)),
  boundedMergeMap: ({ boundedMergeMap }, work) => boundedMergeMap(work, { concurrency: 20 }),
  boundedBatchMap: ({ boundedBatchMap }, work) =>
    boundedBatchMap((values) => Promise.all(values.map(work)), {
      size: 3,
      maxWaitMs: 5,
      concurrency: 20,
    }),
  ingest: ingesting,
  'ingest with drainMs': (library, work) => ingesting(library, work, 1000),
}

const operatorOf = (name: string, library: Library, work: () => Promise<void>): Operator => {
  const make = OPERATORS[name]
  if (make === undefined) throw new Error(`there is no ${name}`)
  return make(library, work)
}

/** A Jetstream of one copy, its positions, and its metrics. */
function jetstreamOf(
  { jetstream$, streamMetrics }: Library,
  host: string,
  config: JetstreamConfig,
) {
  const metrics$ = streamMetrics()
  const positions: number[] = []
  const events$ = jetstream$({ wire: 'v1', host, cursor: 'oldest', metrics$, ...config }).pipe(
    tap(({ time_us }) => positions.push(time_us)),
  )
  const when = (holds: (metrics: StreamMetrics) => boolean) =>
    firstValueFrom(metrics$.pipe(filter(holds)))
  return { events$: events$ as Observable<never>, positions, metrics$, when }
}

const CASES = DIRECTIONS.flatMap((direction) =>
  (['own rxjs', 'shared rxjs'] as const).flatMap((rxjs) =>
    Object.keys(OPERATORS).map((name) => [name, direction, rxjs] as const),
  ),
)
const SHORT_CASES = CASES.filter(([, , rxjs]) => rxjs === 'shared rxjs').map(
  ([name, direction]) => [name, direction] as const,
)

describe('two copies of the library', () => {
  it.each(CASES)(
    '%s, %s with %s: the checkpoint passes no unfinished event',
    async (name, direction, rxjs) => {
      const { operators, sources } = pairOf(direction, theirs[rxjs])
      await using server = await fakeJetstream({ events: 10, stored: 'all' })
      const gates = new Gates()
      const checkpoint = { store: operators.memoryCursorStore(), everyMs: 5 }
      const { events$, positions, when } = jetstreamOf(sources, server.url, { checkpoint })
      const subscription = events$.pipe(operatorOf(name, operators, gates.work)).subscribe()
      const begun = await when(
        (metrics) => metrics.delivered === 10 && metrics.checkpoint !== undefined,
      )
      expect(begun).toMatchObject({ held: 10, open: 10, checkpoint: positions[0] })
      gates.finish(3)
      expect(await when((metrics) => metrics.checkpoint !== positions[0])).toMatchObject({
        open: 7,
        checkpoint: positions[3],
      })
      gates.finish()
      expect(
        await when(({ checkpoint, open }) => checkpoint === positions[9] && open === 0),
      ).toMatchObject({
        open: 0,
        done: 10,
        failed: 0,
      })
      subscription.unsubscribe()
    },
  )

  it.each(SHORT_CASES)(
    '%s, %s: a Tap gets its ack only when the work is done',
    async (name, direction) => {
      const { operators, sources } = pairOf(direction, theirs['own rxjs'])
      await using server = await fakeTap({ events: records(ALICE, 10, false) })
      const [gates, metrics$] = [new Gates(), sources.streamMetrics()]
      const events$ = sources.tap$({ host: server.url, metrics$ }) as Observable<never>
      const subscription = events$.pipe(operatorOf(name, operators, gates.work)).subscribe()
      await gates.begun(10)
      expect(server.acks).toEqual([])
      gates.finish(3)
      await server.acked(3)
      expect(server.acks.map(({ id }) => id)).toEqual([1, 2, 3])
      gates.finish()
      await server.drained()
      subscription.unsubscribe()
      expect(metrics$.value).toMatchObject({ held: 10, done: 10, failed: 0, open: 0 })
    },
  )

  it.each(DIRECTIONS)('%s: the events of one commit are one delivery', async (direction) => {
    const { operators, sources } = pairOf(direction, theirs['own rxjs'])
    await using server = await fakeFirehose({
      events: [...generateCommits({ count: 3, seed: 2 })],
      stored: 'all',
    })
    const [gates, metrics$, seqs] = [new Gates(), sources.streamMetrics(), [] as number[]]
    const events$ = sources
      .firehose$({ host: server.url, cursor: 'oldest', metrics$ })
      .pipe(tap(({ cursor }) => seqs.push(cursor)))
    const subscription = (events$ as Observable<never>)
      .pipe(operatorOf('boundedMergeMap', operators, gates.work))
      .subscribe()
    const when = (holds: (metrics: StreamMetrics) => boolean) =>
      firstValueFrom(metrics$.pipe(filter(holds)))
    expect(await when(({ delivered }) => delivered === 3)).toMatchObject({ open: 3, held: 3 })
    const operations = seqs.filter((seq) => seq === 1).length
    expect(operations).toBeGreaterThan(1)
    gates.finish(operations - 1)
    expect(await firstValueFrom(metrics$.pipe(skip(1)))).toMatchObject({ open: 3 })
    gates.finish(operations)
    expect(await when(({ open }) => open < 3)).toMatchObject({ open: 2 })
    subscription.unsubscribe()
  })

  it.each(DIRECTIONS)(
    '%s: a full queue pauses the source, and the end waits for the checkpoint',
    async (direction) => {
      const { operators, sources } = pairOf(direction, theirs['own rxjs'])
      await using server = await fakeJetstream({ events: 50, stored: 'all' })
      const store = sources.memoryCursorStore()
      const { events$, positions, metrics$ } = jetstreamOf(sources, server.url, {
        checkpoint: { store, everyMs: 60_000 },
      })
      const states: string[] = []
      metrics$.subscribe(({ connection }) => states.push(connection.state))
      const slow = () => new Promise<void>(setImmediate)
      await lastValueFrom(events$.pipe(take(50), operators.boundedMergeMap(slow, { capacity: 2 })))
      expect(states).toContain('paused')
      expect(metrics$.value.checkpoint).toBe(positions[49])
    },
  )

  it.each(DIRECTIONS)(
    '%s: unrouted and dropped events are counted by the source',
    async (direction) => {
      const { operators, sources } = pairOf(direction, theirs['own rxjs'])
      await using server = await fakeJetstream({ events: 20, stored: 'all' })
      const { events$, metrics$ } = jetstreamOf(sources, server.url, {})
      const failing = () => {
        throw new Error('no')
      }
      const operator = operators.ingest(
        { 'app.bsky.feed.post': failing },
        { onError: 'skip' },
      ) as unknown as Operator
      await lastValueFrom(events$.pipe(take(20), operator), { defaultValue: undefined })
      const { unrouted, dropped, done } = metrics$.value
      expect([unrouted > 0, dropped > 0, dropped + done, done]).toEqual([true, true, 20, unrouted])
    },
  )

  it.each(DIRECTIONS)('%s: rawText and rawFrame read the events', async (direction) => {
    const { operators, sources } = pairOf(direction, theirs['own rxjs'])
    await using jetstream = await fakeJetstream({ events: 1, stored: 'all' })
    await using firehose = await fakeFirehose({ events: 1, stored: 'all' })
    const cursor = 'oldest'
    const [event, message] = await Promise.all([
      firstValueFrom(
        sources.jetstream$({ wire: 'v1', host: jetstream.url, cursor, decode: 'lazy' }),
      ),
      firstValueFrom(sources.firehose$({ host: firehose.url, cursor })),
    ])
    expect(operators.rawText(event)).toBe(sources.rawText(event))
    expect(operators.rawText(event)).toContain(event.did)
    expect(operators.rawFrame(message)).toBe(sources.rawFrame(message))
    expect(operators.rawFrame(message)?.length).toBeGreaterThan(0)
  })

  it('share one writer for a cursor file', async () => {
    using folder = temporaryFolder()
    const [one, two] = [ours, theirs['own rxjs']].map(({ fileCursorStore }) =>
      fileCursorStore(join(folder.path, 'cursor.json')),
    )
    await one?.save('stream', '1')
    await two?.save('stream', '2')
    expect(await one?.load('stream')).toBe('2')
    await one?.close()
    expect(await two?.load('stream')).toBe('2')
    await two?.close()
    expect(process.listeners('exit').filter(({ name }) => name === 'forgetAll')).toEqual([])
  })
})

describeRedis('two copies of the library over Redis', () => {
  it.each(DIRECTIONS)(
    'toRedisStream, %s: the checkpoint passes no event that Redis does not have',
    async (direction) => {
      const { operators, sources } = pairOf(direction, theirs['own rxjs'])
      await using redis = await redisServer()
      await using server = await fakeJetstream({ events: 10, stored: 'all' })
      const [, connect] = clients[0] ?? []
      await using opened = await connect?.(redis.url)
      if (opened === undefined) throw new Error('there is no client')
      const checkpoint = { store: operators.memoryCursorStore(), everyMs: 5 }
      const { events$, positions, when } = jetstreamOf(sources, server.url, { checkpoint })
      const sink = operators.toRedisStream({
        client: opened.client,
        stream: 's',
        maxWaitMs: 5,
      }) as unknown as Operator
      await redis.freeze()
      const subscription = events$.pipe(sink).subscribe()
      const begun = await when(
        (metrics) => metrics.delivered === 10 && metrics.checkpoint !== undefined,
      )
      expect(begun).toMatchObject({ held: 10, open: 10, checkpoint: positions[0] })
      redis.thaw()
      expect(
        await when(({ checkpoint, open }) => checkpoint === positions[9] && open === 0),
      ).toMatchObject({
        open: 0,
        done: 10,
      })
      expect(await redis.cli('XLEN', 's')).toBe(':10')
      subscription.unsubscribe()
    },
  )

  it.each(DIRECTIONS)(
    'redisStream$, %s: an entry is acked only when its work is done',
    async (direction) => {
      const { operators, sources } = pairOf(direction, theirs['own rxjs'])
      await using redis = await redisServer()
      for (let n = 0; n < 4; n += 1) await redis.cli('XADD', 's', '*', 'event', `{"n":${n}}`)
      const [, connect] = clients[0] ?? []
      await using opened = await connect?.(redis.url)
      if (opened === undefined) throw new Error('there is no client')
      const [gates, metrics$] = [new Gates(), sources.streamMetrics()]
      const config = {
        client: opened.client,
        stream: 's',
        group: 'g',
        consumer: 'me',
        blockMs: 50,
        lingerMs: 50,
        metrics$,
      }
      const subscription = (sources.redisStream$(config) as Observable<never>)
        .pipe(operatorOf('boundedMergeMap', operators, gates.work))
        .subscribe()
      const when = (holds: (metrics: StreamMetrics) => boolean) =>
        firstValueFrom(metrics$.pipe(filter(holds)))
      await gates.begun(4)
      gates.finish(3)
      expect(await when(({ done }) => done > 0)).toMatchObject({ held: 4, done: 3, open: 1 })
      gates.finish()
      await new Promise(setImmediate)
      subscription.unsubscribe()
      await when(({ connection, done }) => connection.state === 'closed' && done === 4)
    },
  )
})

describe('two copies of different contracts', () => {
  const FOREIGN_NAME = 'rxjs-atproto 9.8.7 (delivery contract 99)'
  const OUR_NAME = `rxjs-atproto ${ours.VERSION} (delivery contract 1)`

  it.each(SHORT_CASES)(
    '%s, %s: ends at the first value, names both, and the event counts as failed',
    async (name, direction) => {
      const { operators, sources } = pairOf(direction, foreign)
      await using server = await fakeJetstream({ events: 10, stored: 'all' })
      const [gates, store] = [new Gates(), ours.memoryCursorStore()]
      const { events$, positions, when, metrics$ } = jetstreamOf(sources, server.url, {
        checkpoint: { store, everyMs: 5 },
      })
      const [here, there] =
        direction === 'ours over theirs' ? [OUR_NAME, FOREIGN_NAME] : [FOREIGN_NAME, OUR_NAME]
      const error = await lastValueFrom(
        events$.pipe(operatorOf(name, operators, gates.work)),
      ).catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(errors.DuplicateLibraryError)
      expect(`${error}`).toContain(
        `an operator of ${here} received an event from a source of ${there}`,
      )
      expect(`${error}`).toContain('npm dedupe')
      await when(
        ({ connection, checkpoint }) => connection.state === 'closed' && checkpoint !== undefined,
      )
      // The checkpoint is before the event, which a restart with one copy brings again.
      expect(metrics$.value).toMatchObject({
        failed: 1,
        done: 0,
        open: 0,
        checkpoint: positions[0],
      })
    },
  )

  it('each work for themselves side by side', async () => {
    await using server = await fakeJetstream({ events: 10, stored: 'all' })
    const counts = [ours, foreign].map(async (library) => {
      const gates = new Gates()
      const { events$, when } = jetstreamOf(library, server.url, {})
      const subscription = events$
        .pipe(operatorOf('boundedMergeMap', library, gates.work))
        .subscribe()
      const { held } = await when(({ delivered }) => delivered === 10)
      subscription.unsubscribe()
      return held
    })
    expect(await Promise.all(counts)).toEqual([10, 10])
  })
})

describe('instanceof', () => {
  const NAMES = Object.keys(errors) as (keyof typeof errors)[]
  type Class = abstract new () => unknown
  const classOf = (library: Library, name: string) =>
    library[name as keyof typeof errors] as unknown as Class
  /** One that was not constructed, since each class wants other arguments. */
  const one = (library: Library, name: string): unknown =>
    Object.create(classOf(library, name).prototype as object)

  it.each(NAMES)('knows a %s of another copy, and takes it for no other class', (name) => {
    for (const [here, there] of [
      [ours, theirs['own rxjs']],
      [foreign, ours],
    ] as const) {
      const error = one(there, name)
      const known = NAMES.filter((other) => error instanceof (classOf(here, other) as never))
      expect(known.sort()).toEqual([...new Set([name, 'StreamError'])].sort())
    }
  })

  it("tests a program's own subclass as any other class", () => {
    class Mine extends errors.ConnectError {}
    class Yours extends theirs['own rxjs'].ConnectError {}
    expect(new Mine('no')).toBeInstanceOf(Mine)
    expect(new Mine('no')).toBeInstanceOf(theirs['own rxjs'].ConnectError)
    expect(new Yours('no')).not.toBeInstanceOf(Mine)
    expect(new errors.ConnectError('no')).not.toBeInstanceOf(Mine)
  })

  it('holds over bundles whose classes a minifier has renamed', async () => {
    const load = async (contents: string): Promise<typeof errors> => {
      const { text } = await bundle(contents, 'node', {
        minify: true,
        format: 'cjs',
        platform: 'node',
      })
      const module = { exports: {} }
      new Function('module', text)(module)
      return module.exports as typeof errors
    }
    const one = await load("export { HoldError, ConnectError } from './src/errors.ts'")
    const two = await load("export { ConnectError, HoldError, StreamError } from './src/errors.ts'")
    expect(new one.ConnectError('no').name).toBe('ConnectError')
    expect(new one.ConnectError('no') instanceof two.ConnectError).toBe(true)
    expect(new one.ConnectError('no') instanceof two.StreamError).toBe(true)
    expect(new one.ConnectError('no') instanceof two.HoldError).toBe(false)
  })

  it.each([undefined, null, 'text', { code: 'CONNECT', name: 'ConnectError' }, new Error('no')])(
    'does not take %p for an error of ours',
    (value) => {
      expect(value).not.toBeInstanceOf(errors.StreamError)
      expect(value).not.toBeInstanceOf(errors.ConnectError)
    },
  )
})
