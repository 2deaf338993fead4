import type { Gap } from 'rxjs-atproto'
import type { JournalEntry } from './journal.js'

/** One event that a server sent. */
export interface Sent {
  /** What happened, as the reader names it too. */
  readonly id: string
  /** Events of one lane are handled in order. */
  readonly lane: string
  /**
   * The entry of an index that it writes, and what stands there afterwards: `undefined` where it
   * takes the entry away.
   */
  readonly key: string
  readonly value: string | undefined
  /** Its frame or page, counted as sent: such a group is saved as done when all of it is. */
  readonly group: number
  /** The server's own number: what gaps tell. Absent where no gap can excuse a loss. */
  readonly position?: number
}

/** What a scenario promises. */
export interface Rules {
  /** Whether the lanes are in order, and the index ends as that of the sender. */
  readonly ordered: boolean
  /**
   * What a restart may bring again: what was beyond the checkpoint saved last, or only what the
   * scenario allows. `none`: the log may be another one, which is asked by time.
   */
  readonly bound: 'checkpoint' | 'allowed' | 'none'
  /** Whether a gap may be told. */
  readonly mayGap: boolean
}

/** What became of what was sent. */
export interface Verdict {
  readonly sent: number
  readonly handled: number
  /** Neither handled nor inside a gap that was told. */
  readonly missing: readonly string[]
  /** Not handled, but inside a gap that was told. */
  readonly inGaps: number
  /** How often something was handled once more. */
  readonly repeated: number
  /** How much of that is allowed. */
  readonly bound: number
  readonly gaps: readonly Gap[]
  /** One sentence for each promise that was broken; none: all is well. */
  readonly faults: readonly string[]
}

interface ReportedGap {
  readonly gap: Gap
  readonly to: number
}

interface HandledTally {
  readonly handled: Set<string>
  /** All that was handled, in the order of time. */
  readonly sequence: string[]
  readonly index: Map<string, string | undefined>
  readonly told: ReportedGap[]
  readonly strangers: Set<string>
  readonly failures: string[]
  repeated: number
}

/** Knows what was sent, is told what readers did, and compares the two. */
export class Judge {
  readonly #sent = new Map<string, Sent>()
  readonly #optional = new Set<string>()
  readonly #unknownKeys = new Set<string>()
  readonly #entries: JournalEntry[] = []
  readonly #handled = new Set<string>()
  // The oldest group that the last saved checkpoint may bring again.
  #frontier = Number.NEGATIVE_INFINITY
  #bound = 0
  readonly #excess: string[] = []

  constructor(readonly rules: Rules) {}

  get handled(): ReadonlySet<string> {
    return this.#handled
  }

  get sentCount(): number {
    return this.#sent.size
  }

  /** Answers those that are new: an id is sent once. */
  send(items: readonly Sent[]): readonly Sent[] {
    const fresh = items.filter(({ id }) => !this.#sent.has(id))
    for (const item of fresh) this.#sent.set(item.id, item)
    return fresh
  }

  /** The server replaced these: they need not come. */
  excuse(ids: Iterable<string>): void {
    for (const id of ids) this.#optional.add(id)
  }

  /**
   * The server itself lost these: they need not come, and nobody can say what their index entries
   * should be.
   */
  forget(ids: Iterable<string>): void {
    for (const id of ids) {
      this.#optional.add(id)
      const key = this.#sent.get(id)?.key
      if (key !== undefined) this.#unknownKeys.add(key)
    }
  }

  /** So many more events may be handled again. */
  allow(repeats: number): void {
    this.#bound += repeats
  }

  /** All that was handled may come again: the server cannot be asked for less. */
  allowAll(): void {
    this.#frontier = Number.NEGATIVE_INFINITY
  }

  /** One life of one reader, in the order of writing. */
  life(entries: readonly JournalEntry[]): void {
    const isBounded = this.rules.bound === 'checkpoint' && Number.isFinite(this.#frontier)
    const allowed = isBounded ? this.#beyondFrontier() : Number.POSITIVE_INFINITY
    let repeated = 0
    for (const entry of entries) {
      this.#entries.push(entry)
      if (entry.kind !== 'handled') continue
      if (this.#handled.has(entry.id)) repeated += 1
      this.#handled.add(entry.id)
    }
    if (repeated > allowed)
      this.#excess.push(`${repeated} repeated in one life, ${allowed} allowed`)
    if (this.rules.bound !== 'allowed') this.#bound += isBounded ? allowed : repeated
    this.#moveFrontier(entries)
  }

  /** What is not handled so far, `entries` of a reader that still runs included. */
  left(entries: readonly JournalEntry[] = []): number {
    const done = new Set(entries.flatMap((entry) => (entry.kind === 'handled' ? [entry.id] : [])))
    const told = this.#gapsIn([...this.#entries, ...entries])
    return this.#required.filter(
      (item) => !this.#handled.has(item.id) && !done.has(item.id) && !isIn(item, told),
    ).length
  }

  verdict(): Verdict {
    const tally = this.#tally()
    const required = this.#required
    const unhandled = required.filter(({ id }) => !tally.handled.has(id))
    const missing = unhandled.filter((item) => !isIn(item, tally.told)).map(({ id }) => id)
    const gaps = tally.told.map(({ gap }) => gap)
    const result = {
      sent: required.length,
      handled: required.length - unhandled.length,
      missing,
      inGaps: unhandled.length - missing.length,
      repeated: tally.repeated,
      bound: this.#bound,
      gaps,
    }
    return { ...result, faults: this.#faults(result, tally) }
  }

  get #required(): readonly Sent[] {
    return [...this.#sent.values()].filter(({ id }) => !this.#optional.has(id))
  }

  #faults(
    found: Omit<Verdict, 'faults'>,
    { strangers, failures, handled, sequence, index, told }: HandledTally,
  ): readonly string[] {
    const { missing, repeated, bound, gaps } = found
    const faults = [...failures.map((message) => `the stream ended: ${message}`), ...this.#excess]
    if (missing.length > 0) faults.push(`${missing.length} missing, such as ${missing[0]}`)
    if (repeated > bound) faults.push(`${repeated} repeated, ${bound} allowed`)
    if (strangers.size > 0)
      faults.push(`${strangers.size} never sent, such as ${[...strangers][0]}`)
    if (gaps.length > 0 && !this.rules.mayGap)
      faults.push(`a gap where nothing can be lost: ${JSON.stringify(gaps[0])}`)
    if (!this.rules.ordered) return faults
    const early = this.#outOfOrder(sequence, handled, told)
    if (early.length > 0) faults.push(`${early.length} out of order, such as ${early[0]}`)
    const wrong = this.#wrongKeys(index, told)
    if (wrong.length > 0)
      faults.push(`${wrong.length} entries of the index are wrong, such as ${wrong[0]}`)
    return faults
  }

  #tally(): HandledTally {
    const entries = [...this.#entries].sort((one, other) => one.at - other.at)
    const tally: HandledTally = {
      handled: new Set(),
      sequence: [],
      index: new Map(),
      told: this.#gapsIn(entries),
      strangers: new Set(),
      failures: [],
      repeated: 0,
    }
    for (const entry of entries) {
      if (entry.kind === 'handled') this.#count(entry.id, tally)
      if (entry.kind === 'failed') tally.failures.push(entry.message)
    }
    return tally
  }

  #count(id: string, tally: HandledTally): void {
    const item = this.#sent.get(id)
    if (item === undefined) {
      tally.strangers.add(id)
      return
    }
    tally.index.set(item.key, item.value)
    tally.sequence.push(id)
    if (tally.handled.has(id)) tally.repeated += 1
    else tally.handled.add(id)
  }

  /**
   * Those that were handled before their turn. After one event of a lane comes the next one, or an
   * earlier one again, and then all between them again, but for those that a gap tells of: an old
   * event that comes alone, behind a newer one, undoes what that did.
   */
  #outOfOrder(
    sequence: readonly string[],
    handled: ReadonlySet<string>,
    told: readonly ReportedGap[],
  ): readonly string[] {
    const turns = new Map<string, number>()
    const lanes = new Map<string, Sent[]>()
    for (const item of this.#required.filter(({ id }) => handled.has(id))) {
      const lane = lanes.get(item.lane) ?? []
      turns.set(item.id, lane.push(item) - 1)
      lanes.set(item.lane, lane)
    }
    const current = new Map<string, number>()
    return sequence.filter((id) => {
      const [turn, lane] = [turns.get(id), this.#sent.get(id)?.lane ?? '']
      if (turn === undefined) return false
      const before = current.get(lane) ?? -1
      current.set(lane, turn)
      const skipped = lanes.get(lane)?.slice(before + 1, turn) ?? []
      return !skipped.every((item) => isIn(item, told))
    })
  }

  /**
   * What the last writes left, against what the sender has. Of an entry that a gap concerns nobody
   * can say.
   */
  #wrongKeys(
    index: ReadonlyMap<string, string | undefined>,
    told: readonly ReportedGap[],
  ): readonly string[] {
    const truth = new Map<string, string | undefined>()
    const murky = new Set(this.#unknownKeys)
    for (const item of this.#required) {
      truth.set(item.key, item.value)
      if (isIn(item, told)) murky.add(item.key)
    }
    return [...truth]
      .filter(([key, value]) => !murky.has(key) && index.get(key) !== value)
      .map(([key]) => key)
  }

  /** A gap without an end ends with what its reader received next. */
  #gapsIn(entries: readonly JournalEntry[]): ReportedGap[] {
    return entries.flatMap((entry, n) => {
      if (entry.kind !== 'gap') return []
      const next = entries.slice(n).find((after) => after.kind === 'received')
      const position = next?.kind === 'received' ? this.#sent.get(next.id)?.position : undefined
      return [{ gap: entry.gap, to: entry.gap.to ?? position ?? Number.POSITIVE_INFINITY }]
    })
  }

  #beyondFrontier(): number {
    let count = 0
    for (const id of this.#handled)
      if ((this.#sent.get(id)?.group ?? 0) >= this.#frontier) count += 1
    return count
  }

  /**
   * A checkpoint is the oldest delivery that was open when it was saved, or the last one where
   * none was.
   */
  #moveFrontier(entries: readonly JournalEntry[]): void {
    const open = new Map<string, number>()
    let [newest, saving]: [number | undefined, number | undefined] = [undefined, undefined]
    for (const entry of entries) {
      if (entry.kind === 'received') {
        newest = this.#sent.get(entry.id)?.group ?? 0
        open.set(entry.id, newest)
      }
      if (entry.kind === 'handled') open.delete(entry.id)
      if (entry.kind === 'saving')
        saving = Math.min(newest ?? Number.POSITIVE_INFINITY, ...open.values())
      if (entry.kind === 'saved' && saving !== undefined && Number.isFinite(saving))
        this.#frontier = saving
    }
  }
}

const isIn = ({ position }: Sent, told: readonly ReportedGap[]): boolean =>
  position !== undefined && told.some(({ gap, to }) => gap.from <= position && position <= to)
