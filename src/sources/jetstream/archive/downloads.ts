import { Damaged } from './damaged.js'
import { fetchBlock, fetchRange, Rewritten } from './fetch-bytes.js'
import type { Footers } from './footers.js'
import type { PlannedSegment } from './plan.js'
import type { Requests } from './requests.js'
import { HEADER_BYTES, readHeader, SegmentFrames, type SegmentHeader } from './segment.js'
import type { Piece, Window } from './window.js'

const CHUNK_BYTES = 2 * 2 ** 20
const FIRST_BLOCK_BYTES = 128 * 2 ** 10
// More segments ahead bring nothing: each holds up to a window.
const MAX_AHEAD = 64
export const MAX_FETCHES = 5

/** A block that was fetched; its bytes are not verified yet. */
export interface FetchedBlock {
  readonly segment: PlannedSegment
  /** Its index in the segment; `undefined` where even the header cannot be read. */
  readonly index: number | undefined
  readonly frame: Uint8Array | Damaged
  /** How many rows the segment has now; known behind its last block, where all of it was read. */
  readonly rowsOfSegment?: number
}

/** Fetches the blocks of some planned segments ahead, and yields them in order. */
export class Downloads {
  readonly #jobs: (WholeSegment | SomeBlocks)[]
  #head = 0

  constructor(
    requests: Requests,
    segments: readonly PlannedSegment[],
    private readonly window: Window,
    private readonly footers?: Footers | undefined,
  ) {
    this.#jobs = segments.map((segment) =>
      segment.blocks === undefined
        ? new WholeSegment(segment, requests, window, () => this.#pump())
        : new SomeBlocks(segment, segment.blocks, requests, window),
    )
  }

  async *blocks(): AsyncGenerator<FetchedBlock> {
    this.window.onRoom = () => this.#pump()
    for (; this.#head < this.#jobs.length; this.#head += 1) {
      this.#pump()
      yield* this.#jobs[this.#head]?.blocks() ?? []
    }
  }

  /** Starts what fits into the window, in order. What is needed next starts in any case. */
  #pump(): void {
    const end = Math.min(this.#jobs.length, this.#head + MAX_AHEAD)
    for (let at = this.#head; at < end; at += 1) {
      const job = this.#jobs[at] as WholeSegment | SomeBlocks
      while (job.hasNext) {
        if (!this.window.hasRoom(job.nextBytes)) return
        // The reader of the footer sees an error.
        this.footers?.of(job.segment).catch(() => {})
        job.startNext()
      }
    }
  }
}

/** Some blocks of a segment, each by its own request. */
class SomeBlocks {
  readonly #pieces: (Piece<Uint8Array> | undefined)[] = []
  #estimate = FIRST_BLOCK_BYTES

  constructor(
    readonly segment: PlannedSegment,
    private readonly indices: readonly number[],
    private readonly requests: Requests,
    private readonly window: Window,
  ) {}

  get hasNext(): boolean {
    return this.#pieces.length < this.indices.length
  }

  get nextBytes(): number {
    return this.#estimate
  }

  startNext(): void {
    const index = this.indices[this.#pieces.length] as number
    const fetched = fetchBlock(this.requests, this.segment.name, index)
    this.#pieces.push(this.window.hold(fetched, this.#estimate, ({ length }) => length))
  }

  async *blocks(): AsyncGenerator<FetchedBlock> {
    const { segment } = this
    for (const [at, index] of this.indices.entries()) {
      while (this.#pieces.length <= at) this.startNext()
      const piece = this.#pieces[at] as Piece<Uint8Array>
      const frame = await piece.bytes
      this.#estimate = Math.max(frame.length, Math.ceil((this.#estimate + frame.length) / 2))
      yield { segment, index, frame }
      piece.release()
      this.#pieces[at] = undefined
    }
  }
}

/** A whole segment, in chunks of one generation. */
class WholeSegment {
  #etag: string
  #header: SegmentHeader | undefined
  #chunks: (Piece<Chunk> | undefined)[] = []
  #frames = new SegmentFrames()
  // How many chunks were cut into frames.
  #reads = 0
  #isDone = false

  constructor(
    readonly segment: PlannedSegment,
    private readonly requests: Requests,
    private readonly window: Window,
    private readonly onHeader: () => void,
  ) {
    this.#etag = segment.checksum
  }

  get hasNext(): boolean {
    if (this.#isDone) return false
    const next = this.#chunks.length
    return next === 0 || (this.#header !== undefined && next * CHUNK_BYTES < this.#header.blocksEnd)
  }

  get nextBytes(): number {
    return CHUNK_BYTES
  }

  startNext(): void {
    const from = this.#chunks.length * CHUNK_BYTES
    const to = Math.min(from + CHUNK_BYTES, this.#header?.blocksEnd ?? from + CHUNK_BYTES)
    const { name } = this.segment
    const etag = this.#etag
    const fetched = fetchRange(this.requests, { name, etag, from, to })
    const isFirst = this.#chunks.length === 0
    this.#chunks.push(this.window.hold(fetched, to - from, lengthOf))
    if (!isFirst) return
    fetched
      .then((chunk) => {
        if (etag === this.#etag) this.#header ??= headerOf(chunk, etag)
        this.onHeader()
      })
      // Whoever reads the chunk sees the error.
      .catch(() => {})
  }

  async *blocks(): AsyncGenerator<FetchedBlock> {
    for (let rewrites = 0; ; rewrites += 1) {
      try {
        yield* this.#generation()
        return
      } catch (error) {
        if (!(error instanceof Rewritten) || rewrites >= MAX_FETCHES) throw error
        this.#restart(error.etag)
      }
    }
  }

  #restart(etag: string): void {
    this.#drop()
    this.#reads = 0
    this.#etag = etag
    this.#header = undefined
    this.#chunks = []
    this.#frames = new SegmentFrames()
  }

  #drop(): void {
    for (const chunk of this.#chunks) chunk?.release()
  }

  async *#generation(): AsyncGenerator<FetchedBlock> {
    const { segment } = this
    const header = await this.#readHeader()
    if (header instanceof Damaged) {
      this.#isDone = true
      yield { segment, index: undefined, frame: header }
      return
    }
    let left = header.blocksEnd - HEADER_BYTES
    let index = 0
    for (; index < header.blocks; index += 1) {
      const frame = await this.#nextFrame(left)
      if (frame === undefined) break
      left -= frame.length + LENGTH_BYTES
      const isLast = index === header.blocks - 1 && left === 0
      yield { segment, index, frame, ...(isLast ? { rowsOfSegment: header.events } : {}) }
    }
    this.#isDone = true
    this.#drop()
    // Where the lengths of blocks are damaged, the others are found by their index.
    const rest = Array.from({ length: header.blocks - index }, (_, at) => index + at)
    yield* new SomeBlocks(segment, rest, this.requests, this.window).blocks()
  }

  async #readHeader(): Promise<SegmentHeader | Damaged> {
    for (let fetches = 1; ; fetches += 1) {
      const chunk = await this.#chunk(0)
      try {
        this.#header = headerOf(chunk, this.#etag)
        this.#frames.add(...chunk)
        this.#frames.take(HEADER_BYTES)
        return this.#header
      } catch (error) {
        if (!(error instanceof Damaged)) throw error
        if (fetches >= MAX_FETCHES) return error
        this.#restart(this.#etag)
      }
    }
  }

  /** The next frame, or `undefined` where its length makes no sense. */
  async #nextFrame(left: number): Promise<Uint8Array | undefined> {
    for (;;) {
      try {
        const frame = this.#frames.takeFrame(left)
        if (frame !== undefined) return frame
        if (this.#reads >= this.#chunkCount) return undefined
        this.#frames.add(...(await this.#chunk(this.#reads)))
      } catch (error) {
        if (error instanceof Damaged) return undefined
        throw error
      }
    }
  }

  get #chunkCount(): number {
    return Math.ceil((this.#header?.blocksEnd ?? 0) / CHUNK_BYTES)
  }

  async #chunk(at: number): Promise<Chunk> {
    while (this.#chunks.length <= at) this.startNext()
    const chunk = this.#chunks[at] as Piece<Chunk>
    const bytes = await chunk.bytes
    this.#reads = at + 1
    // One chunk is cut into frames while it is out of the window.
    this.#chunks[at] = undefined
    chunk.release()
    return bytes
  }
}

const LENGTH_BYTES = 8

/** Bytes of a segment, in pieces as they came. */
type Chunk = readonly Uint8Array[]

const lengthOf = (chunk: Chunk): number => chunk.reduce((sum, { length }) => sum + length, 0)

function headerOf(chunk: Chunk, etag: string): SegmentHeader {
  const frames = new SegmentFrames()
  // Copies: the pieces themselves are still to be read.
  frames.add(...chunk.map((piece) => Uint8Array.from(piece.subarray(0, HEADER_BYTES))))
  const header = readHeader(frames.take(HEADER_BYTES) ?? new Uint8Array())
  if (header.checksum !== etag)
    throw new Damaged(`a segment says that it is ${header.checksum}, and its ETag ${etag}`)
  return header
}
