import { type Subscription, tap } from 'rxjs'
import { type JetstreamEvent, memoryCursorStore } from '../../src/index.js'
import { integer, pick, random } from '../../src/testing/generate/random.js'
import { type FakeJetstream, fakeJetstream } from '../../src/testing/index.js'
import { type Watched, watched } from './watched.js'

const SEED = Number(process.env.SEED ?? 20)
const LIKE = 'app.bsky.feed.like'
const KINDS = [
  ['v2', 'v2'],
  ['v2', 'v1'],
  ['legacy', 'v1'],
] as const
const seeds = [SEED, SEED + 1, SEED + 2, SEED + 3]
const runs = KINDS.flatMap(([server, wire]) => seeds.map((seed) => [wire, server, seed] as const))

/** A server that grows, is killed, renumbered and compacted; the judge knows what it was given. */
class Judge {
  readonly sent = new Set<string>()
  readonly seen = new Map<string, number>()
  restarts = 0
  crashes = 0
  readonly #next: () => number
  /** What the log holds. */
  readonly #log: JetstreamEvent[] = []
  #count = 0
  #clockUs = (Date.now() - 3_600_000) * 1000

  constructor(
    readonly server: FakeJetstream,
    seed: number,
  ) {
    this.#next = random(seed)
  }

  grow(most = 60): void {
    this.#emit(...Array.from({ length: 1 + integer(this.#next, most) }, () => this.#event()))
  }

  /** The last one is one that everybody waits for. */
  finish(): string {
    const last = this.#event(LIKE)
    this.#emit(last)
    return last.did
  }

  /** Something that happens while nobody reads. */
  harm(): void {
    const harm = pick(this.#next, ['crash', 'crash', 'compact', 'restart'] as const)
    if (harm === 'compact') {
      const every = 2 + integer(this.#next, 5)
      this.server.compact(({ seq, collection }) => collection !== LIKE && seq % every === 0)
    }
    if (harm === 'crash') this.#crash()
    else this.server.restart()
    this.grow()
  }

  /**
   * What was lost comes again, under new times; others come before it, so that the numbers are of
   * other events.
   */
  #crash(): void {
    this.crashes += 1
    const lost = this.#log.splice(-1 - integer(this.#next, 30))
    this.server.restart({ lose: lost.length })
    this.#clockUs += 60_000_000
    this.#emit(...Array.from({ length: integer(this.#next, 8) }, () => this.#event()))
    this.#emit(...lost.map((event) => ({ ...event, time_us: this.#tick() })))
  }

  #emit(...events: readonly JetstreamEvent[]): void {
    this.#log.push(...events)
    this.server.emit(...events)
  }

  #tick(): number {
    this.#clockUs += 1000 * (1 + integer(this.#next, 900))
    return this.#clockUs
  }

  get chance(): number {
    return this.#next()
  }

  get missing(): readonly string[] {
    return [...this.sent].filter((did) => !this.seen.has(did))
  }

  #event(collection = pick(this.#next, [LIKE, 'app.bsky.feed.post', 'a.b.c'])): JetstreamEvent {
    const did = `did:web:d${this.#count++}`
    const time_us = this.#tick()
    if (collection === LIKE) this.sent.add(did)
    return {
      did,
      time_us,
      kind: 'commit',
      commit: { rev: '3l', operation: 'delete', collection, rkey: 'x' },
    } as JetstreamEvent
  }
}

/** Reads through a filter over cuts and restarts of the program, until the last event has come. */
async function run(wire: 'v1' | 'v2', kind: 'legacy' | 'v2', seed: number) {
  await using server = await fakeJetstream({ server: kind, firstSeq: 1000 })
  const judge = new Judge(server, seed)
  const store = memoryCursorStore()
  const sources: Watched[] = []
  const start = (): { readonly source: Watched; readonly reading: Subscription } => {
    const source = watched(server, {
      wire,
      host: server.host,
      cursor: 'oldest',
      collections: [LIKE],
      checkpoint: { store, everyMs: 5 },
    })
    sources.push(source)
    const note = tap<JetstreamEvent>(({ did }) =>
      judge.seen.set(did, (judge.seen.get(did) ?? 0) + 1),
    )
    return { source, reading: source.events$.pipe(note).subscribe() }
  }
  for (let n = 0; n < 4; n++) judge.grow()
  let now = start()
  for (let round = 0; round < 8; round++) {
    judge.grow()
    await server.idle()
    await now.source.when(
      ({ connection, delivered }) => connection.state === 'open' && delivered > 0,
    )
    if (judge.chance < 0.4) {
      now.reading.unsubscribe()
      judge.restarts += 1
      judge.harm()
      now = start()
    } else judge.harm()
    await now.source.when(({ delivered }) => delivered > 0)
  }
  const last = judge.finish()
  await now.source.when(() => judge.seen.has(last))
  now.reading.unsubscribe()
  return { judge, gaps: sources.flatMap(({ gaps }) => gaps) }
}

describe('a stream over a server that is killed, renumbered and compacted at random', () => {
  it.each(runs)(
    'has every event on wire %s of a %s server (seed %i), and reports only what may be lost',
    async (wire, kind, seed) => {
      const { judge, gaps } = await run(wire, kind, seed)
      expect(judge.missing).toEqual([])
      expect(judge.sent.size).toBeGreaterThan(50)
      if (judge.crashes === 0) expect(gaps).toEqual([])
      for (const { reason } of gaps) expect(reason).toBe('renumbered')
    },
    60_000,
  )
})
