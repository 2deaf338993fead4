import fc from 'fast-check'
import { lastValueFrom, takeWhile, tap } from 'rxjs'
import {
  type Gap,
  type JetstreamConfig,
  type JetstreamEvent,
  jetstream$,
  memoryCursorStore,
} from '../../../../src/index.js'
import { type ArchiveFault, fakeArchive, generateEvents } from '../../../../src/testing/index.js'
import { runs } from '../../../helpers/thick.js'

const COLLECTIONS = ['app.bsky.feed.like', 'app.bsky.feed.post', 'app.bsky.actor.profile']

const fault: fc.Arbitrary<ArchiveFault> = fc
  .tuple(
    fc.constantFrom('getSegment', 'getBlock', 'planSnapshot'),
    fc.integer({ min: 1, max: 6 }),
    fc.constantFrom(
      { do: 'cut', afterBytes: 2000 } as const,
      { do: 'flip', at: 700 } as const,
      { do: 'refuse', status: 503 } as const,
    ),
  )
  .map(([method, onRequest, action]) => ({ method, onRequest, optional: true, ...action }))

const world = fc.record({
  seed: fc.integer({ min: 1, max: 1000 }),
  events: fc.integer({ min: 50, max: 400 }),
  // Parts of the log: what is sealed, and what the socket still has.
  sealed: fc.integer({ min: 20, max: 100 }),
  overlap: fc.integer({ min: 0, max: 100 }),
  rowsPerBlock: fc.constantFrom(4, 16, 64),
  planMaxEntries: fc.constantFrom(1, 3, 100),
  filter: fc.constantFrom<Partial<JetstreamConfig>>(
    {},
    { collections: COLLECTIONS.slice(0, 1) },
    { collections: COLLECTIONS.slice(2), kinds: ['commit'] },
    { kinds: ['identity', 'account'] },
  ),
  // After how many events each run of the program is killed.
  kills: fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 4 }),
  // Every so many rows one is removed, after the first run.
  removed: fc.constantFrom(0, 3, 7),
  faults: fc.array(fault, { maxLength: 4 }),
})

type World = typeof world extends fc.Arbitrary<infer W> ? W : never

const serverOf = ({ events, seed, ...given }: World) => {
  const sealed = Math.floor((events * given.sealed) / 100)
  const kept = events - sealed + Math.floor((sealed * given.overlap) / 100)
  return fakeArchive({
    events: [...generateEvents({ count: events, seed, repos: 20 })],
    sealed,
    retainEvents: Math.max(1, kept),
    rowsPerBlock: given.rowsPerBlock,
    planMaxEntries: given.planMaxEntries,
    faults: given.faults,
  })
}

const isWantedBy =
  ({ collections, kinds }: Partial<JetstreamConfig>) =>
  (event: JetstreamEvent): boolean =>
    (kinds === undefined || (kinds as readonly string[]).includes(event.kind)) &&
    (collections === undefined ||
      event.kind !== 'commit' ||
      collections.includes(event.commit.collection))

/** A program that is killed and started again, with one checkpoint. */
class Program {
  readonly seen: JetstreamEvent[] = []
  readonly gaps: Gap[] = []
  readonly #config: JetstreamConfig

  constructor(host: string, filter: Partial<JetstreamConfig>) {
    this.#config = {
      host,
      archive: true,
      cursor: 'oldest',
      reconnect: { initialDelayMs: 1, maxDelayMs: 1 },
      gaps: { next: (gap) => this.gaps.push(gap) },
      log: false,
      checkpoint: { store: memoryCursorStore(), everyMs: 1 },
      ...filter,
    }
  }

  async run(isEnd: (event: JetstreamEvent, count: number) => boolean): Promise<void> {
    let count = 0
    await lastValueFrom(
      jetstream$(this.#config).pipe(
        tap((event) => this.seen.push(event)),
        takeWhile((event) => {
          count += 1
          return !isEnd(event, count)
        }),
      ),
      { defaultValue: undefined },
    )
  }
}

/** Those that are left came, and nothing but what is wanted did. */
function expectAll(
  seen: readonly JetstreamEvent[],
  wanted: readonly JetstreamEvent[],
  left: readonly JetstreamEvent[],
): void {
  const seqs = new Set(seen.map(({ cursor }) => cursor))
  const missing = left.filter(({ cursor }) => !seqs.has(cursor))
  expect(missing.map(({ cursor }) => cursor)).toEqual([])
  const bySeq = new Map(wanted.map((event) => [event.cursor, event]))
  for (const event of seen) expect(event).toEqual(bySeq.get(event.cursor))
}

describe('any archive', () => {
  it('is read to its end over any kills, each event that is left at least once', async () => {
    let cutOvers = 0
    await fc.assert(
      fc.asyncProperty(world, async (given) => {
        const server = await serverOf(given)
        const program = new Program(server.host, given.filter)
        const { seen } = program
        const isRemoved = (seq: number) => given.removed > 0 && seq % given.removed === 0
        const wanted = server.events.filter(isWantedBy(given.filter))
        const last = wanted.at(-1)?.cursor ?? 0
        const isOver = () => last === 0 || seen.at(-1)?.cursor === last
        for (const kill of given.kills) {
          if (isOver()) break
          await program.run((event, count) => count >= kill || event.cursor === last)
          server.compact(({ seq }) => isRemoved(seq) && seq !== last)
        }
        if (!isOver()) await program.run((event) => event.cursor === last)
        cutOvers += server.attempts.length > 0 ? 1 : 0
        expectAll(
          seen,
          wanted,
          wanted.filter(({ cursor = 0 }) => !isRemoved(cursor)),
        )
        expect(program.gaps).toEqual([])
        await server.close()
      }),
      { numRuns: runs(20, 500) },
    )
    expect(cutOvers).toBeGreaterThan(0)
  })
})
