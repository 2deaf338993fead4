import { Blocks, isSame, MAX_BLOCKS_BYTES } from '../../atproto/car.js'
import { isCidOf } from '../../atproto/cid.js'
import type { Span } from '../../atproto/shape-reader.js'
import type { RecordProblem } from '../../events.js'
import type { Commit } from './commit.js'

/** A record's block, the problem with it, or both. */
export interface Found {
  readonly block?: Uint8Array
  readonly problem?: RecordProblem | 'root-mismatch'
}

/**
 * Finds the records of a commit in its blocks. Nothing is read or hashed before the first record is
 * looked up; most programs look at few of them.
 */
export class RecordFinder {
  #blocks: Blocks | RecordProblem | undefined

  constructor(private readonly commit: Commit) {}

  /** Finds the record of the operation at `index`. */
  find(index: number): Found {
    const { ops, blocks, commit } = this.commit
    const span = ops[index]?.cid
    if (span === undefined) return { problem: 'record-missing' }
    this.#blocks ??= readBlocks(blocks)
    if (!(this.#blocks instanceof Blocks)) return { problem: this.#blocks }
    const cid = cut(span)
    const block = this.#blocks.get(cid)
    if (block === undefined)
      return { problem: this.#blocks.whole ? 'record-missing' : 'blocks-unreadable' }
    if (!isCidOf(cid, block)) return { problem: 'record-mismatch' }
    const { root } = this.#blocks
    return root !== undefined && isSame(root, cut(commit))
      ? { block }
      : { block, problem: 'root-mismatch' }
  }
}

function readBlocks(blocks: Span | undefined): Blocks | RecordProblem {
  if (blocks === undefined) return 'blocks-unreadable'
  return blocks.to - blocks.from > MAX_BLOCKS_BYTES ? 'blocks-too-large' : new Blocks(cut(blocks))
}

/** A plain array, even of a buffer of Node: those are slower to cut up. */
const cut = ({ bytes, from, to }: Span): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from)
