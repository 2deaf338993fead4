import { plainInflater } from '#zstd'
import { RefusedError } from '../../../errors.js'
import { messageOf } from '../../../internal/message-of.js'
import type { PlainInflater } from '../../../zstd/plain-inflater.js'
import { Block } from './block.js'
import { Damaged } from './damaged.js'
import { Downloads, type FetchedBlock, MAX_FETCHES } from './downloads.js'
import { fetchBlock } from './fetch-bytes.js'
import type { Footer } from './footer.js'
import { Footers } from './footers.js'
import { freeBytes } from './free-bytes.js'
import type { Plan, PlannedSegment, PlanPage } from './plan.js'
import type { ReplayProgress } from './progress.js'
import type { Requests } from './requests.js'
import { Window } from './window.js'
import { yieldToOthers } from './yield-to-others.js'

const MAX_BLOCK_BYTES = 2 ** 30

/** Receives what a replay finds, in the order of the log. */
export interface ReplayHandlers {
  /** The rows of a block after `after` up to `through`. Resolves when it took all of them. */
  rows(block: Block, after: number, through: number): Promise<void>
  /** All rows up to `position` were given. `time_us`: of the row there; 0 if it is not known. */
  passed(position: number, time_us: number): void
  /** Nobody can read the rows in this range. */
  unreadable(from: number, to: number, why: string): void
}

/** A block that is inflated while others are read. */
interface InflatingBlock extends FetchedBlock {
  /** Of the frame, which is freed when it was inflated. */
  readonly frameBytes: number
  readonly inflated: Promise<Uint8Array | Damaged>
}

/**
 * One pass over the archive: plans, downloads, verifies, and hands out blocks, from a position to
 * the tip that the first plan names.
 */
export class Replay {
  readonly window = new Window()
  // The range that cannot be read, until a block behind it can be.
  #unreadable: { readonly from: number; readonly why: string } | undefined
  // Of the segment that is read.
  #segment: PlannedSegment | undefined
  #last = 0
  #rows = 0
  // All of its blocks were read as its header counts them.
  #isWhole = true
  #inflater: PlainInflater | undefined
  // Of the page that is read.
  #footers: Footers | undefined

  constructor(
    private readonly requests: Requests,
    private readonly plan: Plan,
    private readonly progress: ReplayProgress,
    private readonly handlers: ReplayHandlers,
    private readonly verify: 'footer' | undefined,
  ) {}

  async run(): Promise<void> {
    this.#inflater = await plainInflater()
    for (let page = await this.plan.next(); page !== undefined; page = await this.plan.next()) {
      try {
        await this.#page(page)
      } catch (error) {
        if (!(error instanceof RefusedError) || error.status !== 404) throw error
        // A segment or a block of the plan is not there any more.
        this.plan.restart(this.progress.at)
      }
    }
  }

  async #page(page: PlanPage): Promise<void> {
    this.#footers = this.verify && new Footers(this.requests, this.window)
    const downloads = new Downloads(this.requests, page.segments, this.window, this.#footers)
    // Off the main thread, a block is inflated while the one before it is read.
    let ahead: InflatingBlock | undefined
    for await (const block of downloads.blocks()) {
      const frameBytes = block.frame instanceof Damaged ? 0 : block.frame.length
      const next = { ...block, frameBytes, inflated: this.#inflate(block.frame) }
      if (ahead !== undefined) await this.#take(ahead, page.through)
      ahead = next
    }
    if (ahead !== undefined) await this.#take(ahead, page.through)
    this.plan.progressed()
    this.#pass(page.through)
  }

  async #take(block: InflatingBlock, through: number): Promise<void> {
    // A segment that was rewritten meanwhile begins again.
    if (this.#segment !== undefined && block.segment !== this.#segment)
      this.#footers?.drop(this.#segment)
    if (block.segment !== this.#segment || (block.index ?? 0) === 0) {
      this.#last = block.segment.minSeq - 1
      this.#rows = 0
      this.#isWhole = true
    }
    this.#segment = block.segment
    await this.#block(block, through)
    await yieldToOthers()
  }

  async #block(fetched: InflatingBlock, through: number): Promise<void> {
    const { segment, rowsOfSegment } = fetched
    const block = await this.#readable(fetched)
    if (block instanceof Damaged) {
      this.#isWhole = false
      this.#unreadable ??= { from: this.progress.at + 1, why: block.message }
      if (fetched.index === undefined) this.#endUnreadable(segment.maxSeq)
      return
    }
    if (block.rows > 0) {
      this.#endUnreadable(block.firstSeq - 1)
      this.#rows += block.rows
      this.#last = block.lastSeq
    }
    const { rows, lastSeq, lastWitnessedUs } = block
    await this.handlers.rows(block, this.progress.at, through)
    block.free()
    this.progress.rows += rows
    this.plan.progressed()
    this.#pass(Math.min(lastSeq, through), lastSeq <= through ? lastWitnessedUs : 0)
    if (this.#isWhole && rowsOfSegment !== undefined && rowsOfSegment !== this.#rows)
      this.handlers.unreadable(
        segment.minSeq,
        segment.maxSeq,
        `${segment.name} has ${this.#rows} rows, and says that it has ${rowsOfSegment}`,
      )
  }

  /** Only ever forward. */
  #pass(position: number, time_us = 0): void {
    if (position <= this.progress.at) return
    this.#endUnreadable(position)
    this.progress.at = position
    this.handlers.passed(position, time_us)
  }

  #endUnreadable(to: number): void {
    const range = this.#unreadable
    this.#unreadable = undefined
    if (range !== undefined && to >= range.from) this.handlers.unreadable(range.from, to, range.why)
  }

  /** The rows of a block. Bytes that are wrong are fetched again. */
  async #readable(fetched: InflatingBlock): Promise<Block | Damaged> {
    const { segment, index, frame, frameBytes, inflated } = fetched
    if (frame instanceof Damaged || index === undefined) return frame as Damaged
    let [bytes, content] = [frameBytes, inflated]
    for (let fetches = 1; ; fetches += 1) {
      const footer = await this.#footers?.of(segment)
      if (footer instanceof Damaged) return footer
      const read = this.#blockOf(await content, segment)
      const block = read instanceof Block ? checked(read, index, bytes, footer) : read
      if (block instanceof Block) return block
      if (fetches >= MAX_FETCHES)
        return new Damaged(`block ${index} of ${segment.name}: ${block.message}`)
      // It may be of another generation than the header.
      this.#isWhole = false
      const again = await fetchBlock(this.requests, segment.name, index)
      ;[bytes, content] = [again.length, this.#inflate(again)]
      // The block may be one of a generation that this footer does not tell of.
      if (read instanceof Block) this.#footers?.again(segment).catch(() => {})
    }
  }

  #blockOf(content: Uint8Array | Damaged, { maxSeq }: PlannedSegment): Block | Damaged {
    if (content instanceof Damaged) return content
    try {
      return new Block(content, this.#last, maxSeq)
    } catch (error) {
      if (error instanceof Damaged) return error
      throw error
    }
  }

  /** Never rejects for bytes that are wrong: nobody waits for them yet. */
  async #inflate(frame: Uint8Array | Damaged): Promise<Uint8Array | Damaged> {
    if (frame instanceof Damaged) return frame
    try {
      return await (this.#inflater as PlainInflater).inflate(frame, MAX_BLOCK_BYTES)
    } catch (error) {
      return new Damaged(messageOf(error), { cause: error })
    } finally {
      freeBytes(frame)
    }
  }
}

function checked(
  block: Block,
  index: number,
  frameBytes: number,
  footer: Footer | undefined,
): Block | Damaged {
  const complaint = footer?.complaintOf(index, frameBytes, block)
  return complaint === undefined ? block : new Damaged(complaint)
}
