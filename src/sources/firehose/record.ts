import { decodeWhole } from '../../atproto/cbor.js'
import { isObject } from '../../atproto/frame.js'
import { toJson } from '../../atproto/json.js'
import { RecordError } from '../../errors.js'
import { BoundsError } from '../../internal/content-bounds.js'
import { messageOf } from '../../internal/message-of.js'
import { PrivateFieldHost } from '../../internal/private-field-host.js'

/**
 * A commit's `record`, decoded when it is first read. To whoever looks at the event it is a plain
 * member: it is listed, copied, compared and cloned as one, and may be written over. One pair of
 * accessors serves all events, which keeps them of one shape, and fast.
 */
const RECORD: PropertyDescriptor & ThisType<object> = {
  enumerable: true,
  configurable: true,
  get() {
    return DecodedRecord.of(this)
  },
  set(value: unknown) {
    Object.defineProperty(this, 'record', {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  },
}

/** Gives `commit` the record that `block` holds. */
export function defineRecord(commit: object, block: Uint8Array): void {
  Object.defineProperty(commit, 'record', RECORD)
  new DecodedRecord(commit, block)
}

class DecodedRecord extends PrivateFieldHost {
  #block: Uint8Array | undefined
  #record: unknown

  constructor(commit: object, block: Uint8Array) {
    super(commit)
    this.#block = block
  }

  static of(commit: object): unknown {
    // The accessors were copied, or are called through a proxy, and what they read is neither here
    // nor there.
    if (!(#block in commit))
      throw new RecordError(
        'the event was copied or wrapped without its record; copy it by value: `{ ...event.commit }`',
      )
    if (commit.#block === undefined) return commit.#record
    commit.#record = decode(commit.#block)
    commit.#block = undefined
    return commit.#record
  }
}

function decode(block: Uint8Array): unknown {
  let item: unknown
  try {
    item = decodeWhole(block)
  } catch (error) {
    const what = error instanceof BoundsError ? 'is' : 'is no DAG-CBOR:'
    throw new RecordError(`the record ${what} ${messageOf(error)}`, { cause: error })
  }
  if (!isObject(item)) throw new RecordError('the record is no object')
  return toJson(item)
}
