import { plainInflater } from '#zstd'
import { FrameError, RefusedError } from '../../../errors.js'
import { messageOf } from '../../../internal/message-of.js'
import type { PlainInflater } from '../../../zstd/plain-inflater.js'
import { Block } from './block.js'
import { Damaged } from './damaged.js'
import { Downloads, type FetchedBlock, MAX_FETCHES, Window } from './downloads.js'
import { fetchBlock } from './fetch-bytes.js'
import type { Plan, PlannedSegment, PlanPage } from './plan.js'
import type { ReplayProgress } from './progress.js'
import type { Requests } from './requests.js'
import { yieldToOthers } from './yield-to-others.js'

const MAX_BLOCK_BYTES = 2 ** 30

/** Receives what a replay finds, in the order of the log. */
export interface ReplayHandlers {
  /** The rows of a block after `after` up to `through`. Resolves when it took all of them. */
  rows(block: Block, after: number, through: number): Promise<void>
  /** All rows up to `position` were given. */
  passed(position: number): void
  /** Nobody can read the rows in this range. */
  unreadable(from: number, to: number, why: string): void
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
  #last = 0
  #rows = 0
  #hasUnreadable = false
  #inflater: PlainInflater | undefined

  constructor(
    private readonly requests: Requests,
    private readonly plan: Plan,
    private readonly progress: ReplayProgress,
    private readonly handlers: ReplayHandlers,
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
    let segment: PlannedSegment | undefined
    for await (const block of new Downloads(this.requests, page.segments, this.window).blocks()) {
      // A segment that was rewritten meanwhile begins again.
      if (block.segment !== segment || (block.index ?? 0) === 0) {
        this.#last = block.segment.minSeq - 1
        this.#rows = 0
        this.#hasUnreadable = false
      }
      segment = block.segment
      await this.#block(block, page.through)
      await yieldToOthers()
    }
    this.plan.progressed()
    this.#pass(page.through)
  }

  async #block(fetched: FetchedBlock, through: number): Promise<void> {
    const { segment, rowsOfSegment } = fetched
    const block = await this.#readable(fetched)
    if (block instanceof Damaged) {
      this.#hasUnreadable = true
      this.#unreadable ??= { from: this.progress.at + 1, why: block.message }
      if (fetched.index === undefined) this.#endUnreadable(segment.maxSeq)
      return
    }
    if (block.rows > 0) {
      this.#endUnreadable(block.firstSeq - 1)
      this.#rows += block.rows
      this.#last = block.lastSeq
    }
    await this.handlers.rows(block, this.progress.at, through)
    this.progress.rows += block.rows
    this.plan.progressed()
    this.#pass(Math.min(block.lastSeq, through))
    if (!this.#hasUnreadable && rowsOfSegment !== undefined && rowsOfSegment !== this.#rows)
      this.handlers.unreadable(
        segment.minSeq,
        segment.maxSeq,
        `${segment.name} has ${this.#rows} rows, and says that it has ${rowsOfSegment}`,
      )
  }

  /** Only ever forward. */
  #pass(position: number): void {
    if (position <= this.progress.at) return
    this.#endUnreadable(position)
    this.progress.at = position
    this.handlers.passed(position)
  }

  #endUnreadable(to: number): void {
    const range = this.#unreadable
    this.#unreadable = undefined
    if (range !== undefined && to >= range.from) this.handlers.unreadable(range.from, to, range.why)
  }

  /** The rows of a block. Bytes that are wrong are fetched again. */
  async #readable({ segment, index, frame }: FetchedBlock): Promise<Block | Damaged> {
    if (frame instanceof Damaged || index === undefined) return frame as Damaged
    let bytes = frame
    for (let fetches = 1; ; fetches += 1) {
      try {
        return await this.#inflate(segment, bytes)
      } catch (error) {
        if (!(error instanceof Damaged || error instanceof FrameError)) throw error
        if (fetches >= MAX_FETCHES)
          return new Damaged(`block ${index} of ${segment.name}: ${messageOf(error)}`)
        bytes = await fetchBlock(this.requests, segment.name, index)
      }
    }
  }

  async #inflate({ maxSeq }: PlannedSegment, frame: Uint8Array): Promise<Block> {
    const inflated = await (this.#inflater as PlainInflater).inflate(frame, MAX_BLOCK_BYTES)
    return new Block(inflated, this.#last, maxSeq)
  }
}
