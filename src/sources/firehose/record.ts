import { decodeWhole } from '../../atproto/cbor.js'
import { isPlainObject } from '../../atproto/frame.js'
import { toJson } from '../../atproto/json.js'
import { RecordError } from '../../errors.js'
import { BoundsError } from '../../internal/content-bounds.js'
import { defineFindableRecord } from '../../internal/lazy-record.js'
import { messageOf } from '../../internal/message-of.js'
import type { Found, RecordFinder } from './record-finder.js'

/**
 * Defines `commit.record`, of the operation at `index`. It is looked up and decoded when it is
 * first read.
 */
export const defineRecord = (commit: object, finder: RecordFinder, index: number): void =>
  defineFindableRecord(commit, finder, index, findRecord, decodeBlock)

const findRecord = (finder: RecordFinder, index: number): Found => finder.find(index)

function decodeBlock(block: Uint8Array): unknown {
  let item: unknown
  try {
    item = decodeWhole(block)
  } catch (error) {
    const what = error instanceof BoundsError ? 'is' : 'is no DAG-CBOR:'
    throw new RecordError(`the record ${what} ${messageOf(error)}`, { cause: error })
  }
  if (!isPlainObject(item)) throw new RecordError('the record is no object')
  return toJson(item)
}
