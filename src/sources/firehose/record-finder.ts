import { BytesWrapper, CidLinkWrapper } from '@atcute/cbor'
import { Blocks, isSame, MAX_BLOCKS_BYTES } from '../../atproto/car.js'
import { isCidOf } from '../../atproto/cid.js'
import type { RecordProblem } from '../../events.js'
import type { CommitBody } from './message.js'

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

  constructor(private readonly body: CommitBody) {}

  /** Finds the record of the operation at `index`. */
  find(index: number): Found {
    const cid = this.body.ops[index]?.cid
    if (!(cid instanceof CidLinkWrapper)) return { problem: 'record-missing' }
    this.#blocks ??= readBlocks(this.body.blocks)
    if (!(this.#blocks instanceof Blocks)) return { problem: this.#blocks }
    const block = this.#blocks.get(cid.bytes)
    if (block === undefined)
      return { problem: this.#blocks.whole ? 'record-missing' : 'blocks-unreadable' }
    if (!isCidOf(cid.bytes, block)) return { problem: 'record-mismatch' }
    const { root } = this.#blocks
    return root !== undefined && isSame(root, this.body.commit.bytes)
      ? { block }
      : { block, problem: 'root-mismatch' }
  }
}

function readBlocks(blocks: unknown): Blocks | RecordProblem {
  if (!(blocks instanceof BytesWrapper)) return 'blocks-unreadable'
  return blocks.buf.length > MAX_BLOCKS_BYTES ? 'blocks-too-large' : new Blocks(blocks.buf)
}
