import { filter, lastValueFrom, map, merge, type Observable, of, take, takeWhile, tap } from 'rxjs'
import {
  type BatchContext,
  boundedBatchMap,
  boundedMergeMap,
  type CheckpointOptions,
  type CursorStore,
  firehose$,
  hold,
  isCommit,
  jetstream$,
  memoryCursorStore,
  tap$,
} from '../../src/index.js'
import { random } from '../../src/testing/generate/random.js'
import {
  type FakeJetstream,
  type FirehoseMessage,
  fakeFirehose,
  fakeJetstream,
  fakeTap,
  generateCommits,
  opsOf,
} from '../../src/testing/index.js'
import { first } from '../helpers/streams.js'

/** Rows, and the position that was committed with them. */
class Database {
  readonly rows: string[] = []
  position: string | undefined
  savedByStream = 0

  readonly checkpoint: CheckpointOptions = {
    store: {
      load: async () => this.position,
      save: async () => {
        this.savedByStream += 1
      },
    } satisfies CursorStore,
    external: true,
    everyMs: 1,
  }

  /** One transaction. */
  commit(events: readonly unknown[], position: string | undefined): void {
    this.rows.push(...events.map((event) => JSON.stringify(event)))
    if (position !== undefined) this.position = position
  }
}

type Source = (checkpoint: CheckpointOptions) => Observable<unknown>
const batches = { size: 7, maxWaitMs: 50 }

/** Reads until so many rows are there, and dies again and again, before or after a commit. */
async function withCrashes(source: Source, total: number, seed: number) {
  const [database, chance] = [new Database(), random(seed)]
  let crashes = 0
  while (database.rows.length < total) {
    const dieAt = Math.floor(chance() * 4)
    const diesInWork = chance() < 0.5
    const work = (events: readonly unknown[], { index, position }: BatchContext) => {
      if (index === dieAt && diesInWork) throw new Error('killed before the commit')
      database.commit(events, position)
      return of(index)
    }
    const run$ = source(database.checkpoint).pipe(
      boundedBatchMap(work, batches),
      take(dieAt + 1),
      takeWhile(() => database.rows.length < total),
    )
    await lastValueFrom(run$, { defaultValue: 0 }).catch(() => {})
    crashes += 1
  }
  return { database, crashes }
}

const all = <T>(events: readonly T[]): readonly string[] => events.map((one) => JSON.stringify(one))

async function read(source$: Observable<unknown>, count: number): Promise<readonly string[]> {
  const rows: unknown[] = []
  await lastValueFrom(
    source$.pipe(
      take(count),
      map((event) => rows.push(event)),
    ),
  )
  return all(rows)
}

const eventsIn = (message: FirehoseMessage): number =>
  message.t === '#commit' ? opsOf(message).length : 1

const reconnect = { initialDelayMs: 1 }
const EVENTS = 200

describe('rows and position in one transaction', () => {
  it.each([
    ['a legacy Jetstream', {}],
    [
      'a legacy Jetstream whose events share times',
      { generate: { operationsPerCommit: 5, sharedTime: true } },
    ],
    ['wire v1 of a Jetstream', { server: 'v2', wire: 'v1' }],
    ['wire v2 of a Jetstream', { server: 'v2', wire: 'v2' }],
  ] as const)('have each event of %s once, over any crash', async (_, options) => {
    const { wire = 'auto', ...given } = options as { wire?: 'v1' | 'v2' }
    await using server = await fakeJetstream({ events: EVENTS, stored: 'all', ...given })
    const config = { host: server.host, wire, cursor: 'oldest', log: false, reconnect } as const
    const expected = await read(jetstream$(config), EVENTS)
    for (const seed of [1, 2, 3]) {
      const source: Source = (checkpoint) => jetstream$({ ...config, checkpoint })
      const { database, crashes } = await withCrashes(source, EVENTS, seed)
      expect(crashes).toBeGreaterThan(5)
      expect(database.savedByStream).toBe(0)
      expect(database.rows).toEqual(expected)
    }
  })

  it('have each operation of a firehose once, with those of a commit in one batch', async () => {
    const messages = [...generateCommits({ count: 60 })]
    await using server = await fakeFirehose({ events: messages, stored: 'all' })
    const config = { host: server.url, cursor: 'oldest', log: false, reconnect } as const
    const total = messages.reduce((sum, message) => sum + eventsIn(message), 0)
    const expected = await read(firehose$(config), total)
    expect(total).toBeGreaterThan(80)
    for (const seed of [1, 2, 3]) {
      const source: Source = (checkpoint) => firehose$({ ...config, checkpoint })
      const { database, crashes } = await withCrashes(source, total, seed)
      expect(crashes).toBeGreaterThan(3)
      expect(database.rows).toEqual(expected)
    }
  })

  it('have each event once through a filter and work before the batch', async () => {
    await using server = await fakeJetstream({ events: EVENTS, stored: 'all' })
    const config = { host: server.url, cursor: 'oldest', log: false, reconnect } as const
    const expected = await read(jetstream$(config).pipe(filter(isCommit)), 150)
    const source: Source = (checkpoint) =>
      jetstream$({ ...config, checkpoint }).pipe(
        filter(isCommit),
        boundedMergeMap(async (event) => event),
      )
    const { database } = await withCrashes(source, 150, 1)
    expect(database.rows.slice(0, 150)).toEqual(expected)
  })
})

/** The positions that the first batches get. */
async function positions(
  source: Source,
  options: Parameters<typeof boundedBatchMap>[1] = {},
  changes: Partial<CheckpointOptions> = {},
  count = 3,
) {
  const told: (string | undefined)[] = []
  const checkpoint = { ...new Database().checkpoint, ...changes }
  const run$ = source(checkpoint).pipe(
    boundedBatchMap(
      async (_events, { position }) => {
        told.push(position)
      },
      // Batches are full, however slow the machine is.
      { ...batches, maxWaitMs: 60_000, ...options },
    ),
    take(count),
  )
  await lastValueFrom(run$)
  return told
}

describe('the position of a batch', () => {
  let server: FakeJetstream
  beforeAll(async () => {
    server = await fakeJetstream({ events: EVENTS, stored: 'all' })
  })
  afterAll(() => server.close())
  const source = (checkpoint?: CheckpointOptions) =>
    jetstream$({ host: server.url, cursor: 'oldest', log: false, reconnect, checkpoint })

  it('is that after its last event', async () => {
    const [one, two] = await positions(source)
    const events = await first(14, source())
    const times = [one, two].map((text) => JSON.parse(text ?? '{}'))
    expect(times).toMatchObject([
      { position: events[6]?.time_us, done: 1 },
      { position: events[13]?.time_us, done: 1 },
    ])
  })

  it('is told only while no earlier batch is at work', async () => {
    const [one, two, three] = await positions(source, { concurrency: 3 })
    expect([typeof one, two, three]).toEqual(['string', undefined, undefined])
  })

  it('is unknown while an earlier event is held elsewhere, and after one has failed', async () => {
    const held =
      (hold$: (event: unknown) => void): Source =>
      (checkpoint) => {
        let count = 0
        return source(checkpoint).pipe(
          tap((event) => {
            count += 1
            if (count === 10) hold$(event)
          }),
        )
      }
    const open = await positions(held(() => hold()))
    expect(open.map((text) => typeof text)).toEqual(['string', 'undefined', 'undefined'])
    const failed = await positions(held(() => hold().failed()))
    expect(failed.map((text) => typeof text)).toEqual(['string', 'undefined', 'undefined'])
    const done = await positions(held(() => hold()()))
    expect(done.map((text) => typeof text)).toEqual(['string', 'string', 'string'])
  })

  it('is unknown without `external`, for events of two sources, and for a Tap', async () => {
    const store = memoryCursorStore()
    expect(await positions(source, {}, { external: false, store })).not.toContainEqual(
      expect.any(String),
    )
    const both: Source = (checkpoint) => merge(source(checkpoint), source(checkpoint))
    // More than one of them has.
    const two = await positions(both, { size: EVENTS + 1 }, {}, 1)
    expect(two).toEqual([undefined])
    await using server = await fakeTap({ events: 30 })
    const tapped = await positions(() => tap$({ host: server.url, log: false }))
    expect(tapped).toEqual([undefined, undefined, undefined])
  })
})
