import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type ArchiveFault,
  type EventStreamFault,
  type FakeArchive,
  type FakeFirehose,
  type FakeJetstream,
  type FakeLabels,
  fakeArchive,
  fakeFirehose,
  fakeJetstream,
  fakeLabels,
  generateLabels,
  type JetstreamFault,
} from 'rxjs-atproto/testing'
import type { Dice } from '../dice.js'
import { labelId, subjectId } from '../ids.js'
import { Judge, type Rules, type Sent } from '../judge.js'
import type { Place, ReaderPlan, Scenario, ScenarioPlan } from '../scenario.js'
import type { Task } from '../sources.js'
import { Story } from '../story.js'

/** What goes wrong on every stream with a socket: each must fire, and some fire again and again. */
const CUTS = [
  { after: 150, do: 'reset', times: Number.POSITIVE_INFINITY, optional: true },
  { after: 230, do: 'drop', times: Number.POSITIVE_INFINITY, optional: true },
  { after: 370, do: 'close', times: Number.POSITIVE_INFINITY, optional: true },
  { onConnect: 2, do: 'refuse', optional: true },
  { onConnect: 4, do: 'accept-and-drop', optional: true },
] as const satisfies readonly (JetstreamFault & EventStreamFault)[]

const STRICT: Rules = { ordered: true, bound: 'checkpoint', mayGap: false }
// What a server lost and gave to others may be told, and asked for by time or from the oldest on.
const RENUMBERED: Rules = { ...STRICT, bound: 'none', mayGap: true }
const SHORT: Rules = { ...STRICT, mayGap: true }

// Events that the log of a short retention keeps, and messages that make more of them.
const RETAINED = 200
const KEPT_BESIDE_ARCHIVE = 60
const BEYOND = 100
// The share of rows that one compaction removes.
const COMPACTED = 0.1
// A server that sends its first events to whatever is asked, and ends the connection.
const STANDS_STILL: JetstreamFault = {
  onConnect: 6,
  do: 'stand-still',
  events: 5,
  times: 3,
  optional: true,
}

type Server = FakeJetstream | FakeFirehose | FakeLabels

/** What a stream's server goes through while nobody reads. */
type Interlude =
  | 'restarts'
  | 'loses its newest'
  | 'reads again what it lost'
  | 'compacts'
  | 'goes on beyond what it keeps'

/** A server that plays what it is fed, one reader, and a checkpoint in a file. */
abstract class StreamScenario implements Scenario {
  readonly readers: readonly ReaderPlan[]
  /** What the server has, in order. */
  protected readonly log: Sent[][] = []
  #restarts = 0

  constructor(
    readonly judge: Judge,
    private readonly server: Server,
    private readonly interlude: Interlude,
    task: Omit<Task, 'journal' | 'seed' | 'death' | 'defect'>,
  ) {
    this.readers = [
      {
        name: 'reader',
        judged: true,
        dies: ['received', 'handled', 'saving', 'saved'],
        task: () => task,
        between: (dice) => this.#between(dice),
      },
    ]
  }

  get faults(): number {
    return this.server.fired.length + this.#restarts
  }

  abstract feed(messages: number): void

  [Symbol.asyncDispose](): Promise<void> {
    return this.server.close()
  }

  #between(dice: Dice): void {
    const [strikes, below, more] = [dice.chance(0.4), dice.between(-5, 60), dice.between(0, 60)]
    if (!strikes) return
    this.#restarts += 1
    if (this.interlude === 'goes on beyond what it keeps') this.feed(BEYOND + more)
    else if (this.interlude === 'restarts') this.server.restart()
    else if (this.interlude === 'compacts') this.compact(dice)
    else if (this.interlude === 'reads again what it lost') this.loseAndReadAgain(below)
    else this.#lose(this.log.length - this.lastHandled + below, more)
  }

  protected get lastHandled(): number {
    return this.log.findLastIndex((sent) => sent.some(({ id }) => this.judge.handled.has(id)))
  }

  /** Rows go from the middle of the log. Only a Jetstream does this. */
  protected compact(_dice: Dice): void {}

  /** Rows come again under other positions. Only a Jetstream does this. */
  protected loseAndReadAgain(_below: number): void {}

  /** The numbers of the newest rows are given to others: fewer than were lost, or more. */
  #lose(wanted: number, more: number): void {
    const rows = this.rowsToLose(wanted)
    this.judge.forget(this.log.splice(-rows).flatMap((sent) => sent.map(({ id }) => id)))
    this.judge.allowAll()
    this.server.restart({ lose: rows })
    this.feed(more)
  }

  /** One row stays: an empty log has nothing to tell. */
  protected rowsToLose(wanted: number): number {
    return Math.min(Math.max(1, wanted), this.log.length - 1)
  }
}

interface JetstreamScenarioOptions {
  readonly name: string
  readonly server: 'legacy' | 'v2'
  readonly reads: NonNullable<Task['jetstream']>
  readonly interlude?: Interlude
  readonly retainEvents?: number
  readonly faults?: readonly JetstreamFault[]
  /** Files of the dictionaries that it compresses with, one after another. */
  readonly dictionaries?: readonly [string, ...string[]]
}

class JetstreamScenario extends StreamScenario {
  readonly cursors: string
  readonly #story: Story
  #place = 0

  constructor(
    private readonly jetstream: FakeJetstream,
    private readonly options: JetstreamScenarioOptions,
    { seed, folder }: Place,
  ) {
    const { interlude = 'restarts', reads } = options
    const isStrict = ['restarts', 'compacts'].includes(interlude)
    const same = isStrict ? STRICT : options.retainEvents === undefined ? RENUMBERED : SHORT
    const rules = options.faults ? RENUMBERED : same
    const cursors = join(folder, 'cursor.json')
    super(new Judge(rules), jetstream, interlude, {
      source: 'jetstream',
      host: jetstream.host,
      cursors,
      jetstream: reads,
    })
    this.cursors = cursors
    this.#story = new Story(seed)
  }

  /** A server's dictionary is replaced now and then: who held the old one is refused. */
  async amid(dice: Dice): Promise<void> {
    const { dictionaries } = this.options
    if (dictionaries === undefined || !dice.chance(0.3)) return
    await this.jetstream.rotateDictionary(readFileSync(dice.pick(dictionaries)))
  }

  /** Removes rows before the newest one, also those that a checkpoint names. */
  protected override compact(dice: Dice): void {
    const removed = new Set<number>()
    for (let n = 0; n < this.log.length - 1; n++) if (dice.chance(COMPACTED)) removed.add(n)
    let row = 0
    this.jetstream.compact(() => removed.has(row++))
    const gone = this.log.filter((_, n) => removed.has(n))
    this.judge.forget(gone.flatMap((sent) => sent.map(({ id }) => id)))
    this.log.splice(0, this.log.length, ...this.log.filter((_, n) => !removed.has(n)))
  }

  /** Nothing is lost: a legacy server reads its unsynced end from upstream once more. */
  protected override loseAndReadAgain(below: number): void {
    const lose = this.rowsToLose(this.log.length - this.lastHandled + below)
    this.judge.allowAll()
    this.jetstream.restart({ lose, again: 'all' })
  }

  conclude(): readonly string[] {
    const isPlain = this.options.dictionaries !== undefined && this.jetstream.requests.length === 0
    return isPlain ? ['nobody asked for the dictionary: nothing was compressed'] : []
  }

  override feed(messages: number): void {
    const { server, reads, retainEvents } = this.options
    for (const { item, sent } of this.#story.jetstream(messages, server)) {
      const position = FIRST_SEQ + this.#place++
      const isWanted =
        item.kind !== 'commit' || (reads.collections?.includes(item.commit.collection) ?? true)
      const placed = sent.map((one) => (retainEvents === undefined ? one : { ...one, position }))
      this.log.push([...this.judge.send(isWanted ? placed : [])])
      this.jetstream.emit(item)
    }
    this.#excuseUnknown()
  }

  /** A reader without a position cannot know what went before it came. */
  #excuseUnknown(): void {
    const { retainEvents } = this.options
    if (retainEvents === undefined || existsSync(this.cursors)) return
    this.judge.excuse(this.log.slice(0, -retainEvents).flatMap((sent) => sent.map(({ id }) => id)))
  }
}

const FIRST_SEQ = 24_000_000_000

const jetstream = (options: JetstreamScenarioOptions): ScenarioPlan => ({
  name: options.name,
  async open(place) {
    const { server, retainEvents, dictionaries } = options
    const fake = await fakeJetstream({
      server,
      firstSeq: FIRST_SEQ,
      faults: [...CUTS, ...(options.faults ?? [])],
      ...(retainEvents === undefined ? {} : { retainEvents }),
      ...(dictionaries === undefined ? {} : { dictionary: readFileSync(dictionaries[0]) }),
    })
    return new JetstreamScenario(fake, options, place)
  },
})

// What goes wrong with a download, again and again.
const DOWNLOADS: readonly ArchiveFault[] = [
  { method: 'getSegment', onRequest: 3, do: 'cut', afterBytes: 4000 },
  { method: 'getSegment', onRequest: 5, do: 'flip', at: 900 },
  { method: 'getSegment', onRequest: 8, do: 'refuse' },
  { method: 'planSnapshot', onRequest: 4, do: 'refuse' },
].map((fault) => ({ ...fault, optional: true }) as ArchiveFault)

/** All that is sent is sealed too; the socket keeps less than a reader may be behind. */
class ArchiveScenario extends JetstreamScenario {
  constructor(
    private readonly fake: FakeArchive,
    options: JetstreamScenarioOptions,
    place: Place,
  ) {
    super(fake, options, place)
  }

  override get faults(): number {
    return super.faults + this.fake.archiveFired.length
  }

  override feed(messages: number): void {
    super.feed(messages)
    this.fake.seal()
  }
}

const archive = (name: string, interlude: 'restarts' | 'compacts'): ScenarioPlan => ({
  name,
  async open(place) {
    const fake = await fakeArchive({
      firstSeq: FIRST_SEQ,
      socketFaults: CUTS,
      faults: DOWNLOADS,
      retainEvents: KEPT_BESIDE_ARCHIVE,
    })
    const reads = { wire: 'v2', archive: true } as const
    return new ArchiveScenario(fake, { name, server: 'v2', reads, interlude }, place)
  },
})

class FirehoseScenario extends StreamScenario {
  readonly #story: Story

  constructor(
    private readonly firehose: FakeFirehose,
    interlude: Interlude,
    { seed, folder }: Place,
  ) {
    super(new Judge(interlude === 'restarts' ? STRICT : RENUMBERED), firehose, interlude, {
      source: 'firehose',
      host: firehose.url,
      cursors: join(folder, 'cursor.json'),
    })
    this.#story = new Story(seed)
  }

  override feed(messages: number): void {
    for (const { item, sent } of this.#story.firehose(messages)) {
      this.log.push([...this.judge.send(sent)])
      this.firehose.emit(item)
    }
  }
}

const firehose = (name: string, style: 'pds' | 'relay', interlude: Interlude): ScenarioPlan => ({
  name,
  open: async (place) =>
    new FirehoseScenario(await fakeFirehose({ style, faults: CUTS }), interlude, place),
})

class LabelsScenario extends StreamScenario {
  readonly #labels: ReturnType<typeof generateLabels>
  readonly #newest = new Map<string, string>()
  #group = 0

  constructor(
    private readonly labeler: FakeLabels,
    { seed, folder }: Place,
  ) {
    const cursors = join(folder, 'cursor.json')
    super(new Judge(STRICT), labeler, 'restarts', { source: 'labels', host: labeler.url, cursors })
    this.#labels = generateLabels({ seed, negations: 0.3 })
  }

  /**
   * A label that says something new of the same takes the place of the one before, which need not
   * come any more.
   */
  override feed(messages: number): void {
    for (let n = 0; n < messages; n++) {
      const label = this.#labels.next().value
      if (label === undefined) return
      const [id, key] = [labelId(label), subjectId(label)]
      const value = label.neg === true ? undefined : label.cts
      this.judge.send([{ id, lane: label.uri, key, value, group: ++this.#group }])
      this.judge.excuse([this.#newest.get(key) ?? ''])
      this.#newest.set(key, id)
      this.labeler.emit(label)
    }
  }
}

// Of the specs, in the folder that the run begins in.
const DICTIONARIES = [
  'spec/zstd/dictionaries/1111.zdict',
  'spec/zstd/dictionaries/2222.zdict',
] as const
const COLLECTIONS = ['app.bsky.feed.post', 'app.bsky.graph.follow']

export const STREAMS: readonly ScenarioPlan[] = [
  jetstream({ name: 'jetstream$ v1', server: 'legacy', reads: { wire: 'v1' } }),
  jetstream({ name: 'jetstream$ v2', server: 'v2', reads: { wire: 'v2' } }),
  jetstream({ name: 'jetstream$ v2 lazy', server: 'v2', reads: { wire: 'v2', decode: 'lazy' } }),
  jetstream({
    name: 'jetstream$ v2, short retention',
    server: 'v2',
    reads: { wire: 'v2' },
    interlude: 'goes on beyond what it keeps',
    retainEvents: RETAINED,
  }),
  jetstream({
    name: 'jetstream$ v1, renumbered',
    server: 'legacy',
    reads: { wire: 'v1' },
    interlude: 'loses its newest',
  }),
  jetstream({
    name: 'jetstream$ v2, renumbered',
    server: 'v2',
    reads: { wire: 'v2' },
    interlude: 'loses its newest',
  }),
  jetstream({
    name: 'jetstream$ v2 filtered, renumbered',
    server: 'v2',
    reads: { wire: 'v2', collections: COLLECTIONS },
    interlude: 'loses its newest',
  }),
  jetstream({
    name: 'jetstream$ v2, compacted',
    server: 'v2',
    reads: { wire: 'v2' },
    interlude: 'compacts',
  }),
  jetstream({
    name: 'jetstream$ v1, unsynced end',
    server: 'legacy',
    reads: { wire: 'v1' },
    interlude: 'reads again what it lost',
  }),
  jetstream({
    name: 'jetstream$ v2, stands still',
    server: 'v2',
    reads: { wire: 'v2' },
    faults: [STANDS_STILL],
  }),
  jetstream({
    name: 'jetstream$ v2 zstd',
    server: 'v2',
    reads: { wire: 'v2', compress: true },
    dictionaries: DICTIONARIES,
  }),
  archive('jetstream$ with an archive', 'restarts'),
  archive('jetstream$ with an archive, compacted', 'compacts'),
  firehose('firehose$ of a PDS', 'pds', 'restarts'),
  firehose('firehose$ of a relay', 'relay', 'restarts'),
  firehose('firehose$, renumbered', 'pds', 'loses its newest'),
  {
    name: 'labels$',
    open: async (place) => new LabelsScenario(await fakeLabels({ faults: CUTS }), place),
  },
]
