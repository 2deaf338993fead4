import type { LogRow } from '../jetstream/log.js'
import {
  type ArchiveRow,
  type BlockRanges,
  rangesOf,
  type SegmentFile,
  writeSegment,
} from './segment-file.js'

/** A sealed segment: its blocks now, and the ranges that it was sealed with. */
export interface StoredSegment {
  readonly name: string
  readonly index: number
  readonly blocks: readonly (readonly ArchiveRow[])[]
  readonly file: SegmentFile
  readonly ranges: BlockRanges
  readonly minSeq: number
  readonly maxSeq: number
  readonly minWitnessedAt: number
  readonly maxWitnessedAt: number
}

/** The sealed segments of a server, and the rows that are not sealed yet. */
export class ArchiveStore {
  readonly segments: StoredSegment[] = []
  readonly unsealed: ArchiveRow[] = []

  constructor(
    private readonly rowsPerBlock: number,
    private readonly blocksPerSegment: number,
  ) {}

  /** The last seq that is sealed, or 0. */
  get tip(): number {
    return this.segments.at(-1)?.maxSeq ?? 0
  }

  /** All rows, sealed or not. */
  get logRows(): readonly LogRow[] {
    const sealed = this.segments.flatMap(({ blocks }) => blocks.flat())
    return [...sealed, ...this.unsealed].map(logRowOf)
  }

  /** Seals all rows, in as many segments as they need. */
  seal(): void {
    const size = this.rowsPerBlock * this.blocksPerSegment
    while (this.unsealed.length > 0) this.#sealOne(this.unsealed.splice(0, size))
  }

  /** Rewrites the segments that have such rows, under the same names and ranges. */
  compact(isRemoved: (row: LogRow) => boolean): number {
    let count = 0
    for (const [at, segment] of this.segments.entries()) {
      const blocks = segment.blocks.map((rows) => rows.filter((row) => !isRemoved(logRowOf(row))))
      const removed = segment.blocks.flat().length - blocks.flat().length
      if (removed === 0) continue
      count += removed
      this.segments[at] = { ...segment, blocks, file: writeSegment(blocks, segment.ranges) }
    }
    return count
  }

  #sealOne(rows: readonly ArchiveRow[]): void {
    const blocks = Array.from({ length: Math.ceil(rows.length / this.rowsPerBlock) }, (_, block) =>
      rows.slice(block * this.rowsPerBlock, (block + 1) * this.rowsPerBlock),
    )
    const index = this.segments.length
    const [first, last] = [rows[0], rows.at(-1)]
    this.segments.push({
      name: `seg_${index.toString(36).padStart(10, '0')}.jss`,
      index,
      blocks,
      file: writeSegment(blocks),
      ranges: rangesOf(blocks),
      minSeq: first?.seq ?? 0,
      maxSeq: last?.seq ?? 0,
      minWitnessedAt: first?.witnessedUs ?? 0,
      maxWitnessedAt: last?.witnessedUs ?? 0,
    })
  }
}

const logRowOf = ({ did, collection, seq, witnessedUs }: ArchiveRow): LogRow => ({
  did,
  collection: collection === '' ? undefined : collection,
  seq,
  timeUs: witnessedUs,
})
