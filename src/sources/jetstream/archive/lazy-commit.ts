import { cborToJson } from '../../../atproto/cbor-json.js'
import { cidOfRecord } from '../../../atproto/cid.js'
import { RecordError } from '../../../errors.js'
import { messageOf } from '../../../internal/message-of.js'
import { PrivateFieldHost } from '../../../internal/private-field-host.js'
import { shared } from '../../../internal/shared.js'

const PENDING = Symbol('pending')

/**
 * An event of the archive, or its commit: whether it is one is all that {@link isLive} asks. A
 * commit's `record` and `cid` are made of the row's payload when they are first read. They behave
 * as plain members: they are listed, copied, compared, cloned, inherited and assigned as such.
 */
class Archived extends PrivateFieldHost {
  // The payload; `undefined` once both are made, so that the block can go.
  #bytes: Uint8Array | undefined
  #from: number
  #to: number
  #record: unknown = PENDING
  #cid: unknown = PENDING

  constructor(target: object, bytes: Uint8Array | undefined, from: number, to: number) {
    super(target)
    this.#bytes = bytes
    this.#from = from
    this.#to = to
  }

  static has(target: object): boolean {
    return #record in target
  }

  static record(receiver: object): unknown {
    const commit = Archived.#of(receiver)
    if (commit.#record === PENDING) {
      commit.#record = decode(commit.#bytes as Uint8Array, commit.#from, commit.#to)
      if (commit.#cid !== PENDING) commit.#bytes = undefined
    }
    return commit.#record
  }

  static cid(receiver: object): unknown {
    const commit = Archived.#of(receiver)
    if (commit.#cid === PENDING) {
      commit.#cid = cidOfRecord((commit.#bytes as Uint8Array).subarray(commit.#from, commit.#to))
      if (commit.#record !== PENDING) commit.#bytes = undefined
    }
    return commit.#cid
  }

  static assign(receiver: object, name: 'record' | 'cid', value: unknown): void {
    const commit = Archived.#find(receiver)
    if (commit !== undefined && Object.isFrozen(commit))
      throw new TypeError(`Cannot assign to read only property '${name}' of object '#<Object>'`)
    // An object that inherits the member, or a proxy: assigning to it defines a plain member.
    if (commit !== receiver) Object.defineProperty(receiver, name, { value, ...PLAIN })
    else if (name === 'record') commit.#record = value
    else commit.#cid = value
  }

  /** The receiver of an accessor, or the commit that it inherits the accessor from. */
  static #find(receiver: object): Archived | undefined {
    let owner: object | null = receiver
    while (owner !== null && !(#record in owner)) owner = Object.getPrototypeOf(owner)
    return owner ?? undefined
  }

  static #of(receiver: object): Archived {
    const commit = Archived.#find(receiver)
    if (commit !== undefined) return commit
    throw new RecordError(
      'the record cannot be read through a proxy, or through a copy of its accessor; ' +
        'copy the commit by value first: `{ ...commit }`',
    )
  }
}

function decode(bytes: Uint8Array, from: number, to: number): unknown {
  try {
    return cborToJson(bytes, from, to)
  } catch (cause) {
    throw new RecordError(`the record cannot be decoded: ${messageOf(cause)}`, { cause })
  }
}

// One class for all copies of this library: only the class that made a private member can see it.
const SharedArchived = shared('archived.1', () => Archived)

const PLAIN = { writable: true, enumerable: true, configurable: true }

// One pair of accessors for all commits: closures of its own for each cost more than all else.
const RECORD: PropertyDescriptor & ThisType<object> = {
  get() {
    return SharedArchived.record(this)
  },
  set(value: unknown) {
    SharedArchived.assign(this, 'record', value)
  },
  enumerable: true,
  configurable: true,
}
const CID: PropertyDescriptor & ThisType<object> = {
  get() {
    return SharedArchived.cid(this)
  },
  set(value: unknown) {
    SharedArchived.assign(this, 'cid', value)
  },
  enumerable: true,
  configurable: true,
}

/** Marks an event, or its commit, as one of the archive. */
export function markArchived(target: object): void {
  new SharedArchived(target, undefined, 0, 0)
}

/** Gives a commit of the archive its `record` and `cid`: the payload from `from` to `to`. */
export function defineRecordAndCid(
  commit: object,
  bytes: Uint8Array,
  from: number,
  to: number,
): void {
  Object.defineProperty(commit, 'record', RECORD)
  Object.defineProperty(commit, 'cid', CID)
  new SharedArchived(commit, bytes, from, to)
}

/** Whether an event, or its commit, was marked. */
export const isArchived = (target: object): boolean => SharedArchived.has(target)
