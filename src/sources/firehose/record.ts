import { decodeWhole } from '../../atproto/cbor.js'
import { isPlainObject } from '../../atproto/frame.js'
import { toJson } from '../../atproto/json.js'
import { RecordError } from '../../errors.js'
import { BoundsError } from '../../internal/content-bounds.js'
import { defineLazyRecord } from '../../internal/lazy-record.js'
import { messageOf } from '../../internal/message-of.js'

/** Defines `commit.record` from `block`. It is decoded when it is first read. */
export const defineRecord = (commit: object, block: Uint8Array): void =>
  defineLazyRecord(commit, block, 0, block.length, decodeBlock)

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
