import { RecordError } from '../errors.js'
import { PrivateFieldHost } from './private-field-host.js'

/** Decodes the part of `source` from `from` to `to`. Throws `RecordError` if that fails. */
export type DecodeRecord<Source> = (source: Source, from: number, to: number) => unknown

/**
 * A commit's `record`, decoded when it is first read. It behaves as a plain member: it is listed,
 * copied, compared, cloned, inherited and assigned as one. Only a proxy that passes itself on as
 * the receiver cannot read it, since nothing leads from the proxy to the commit's private fields.
 */
class LazyRecord extends PrivateFieldHost {
  // `undefined` after the record was decoded or assigned.
  #decode: DecodeRecord<unknown> | undefined
  #source: unknown
  #from: number
  #to: number
  #record: unknown

  constructor(
    commit: object,
    source: unknown,
    from: number,
    to: number,
    decode: DecodeRecord<unknown>,
  ) {
    super(commit)
    this.#decode = decode
    this.#source = source
    this.#from = from
    this.#to = to
  }

  static read(receiver: object): unknown {
    const commit = LazyRecord.#commitOf(receiver)
    if (commit === undefined)
      throw new RecordError(
        'the record cannot be read through a proxy, or through a copy of its accessor; ' +
          'copy the commit by value first: `{ ...commit }`',
      )
    const decode = commit.#decode
    return decode === undefined
      ? commit.#record
      : commit.#set(decode(commit.#source, commit.#from, commit.#to))
  }

  static write(receiver: object, value: unknown): void {
    const commit = LazyRecord.#commitOf(receiver)
    if (commit !== undefined && Object.isFrozen(commit))
      throw new TypeError("Cannot assign to read only property 'record' of object '#<Object>'")
    if (commit === receiver) commit.#set(value)
    // The receiver inherits the record, or is a proxy: assigning defines a plain member on it.
    else
      Object.defineProperty(receiver, 'record', {
        value,
        writable: true,
        enumerable: true,
        configurable: true,
      })
  }

  #set(record: unknown): unknown {
    this.#record = record
    this.#decode = undefined
    this.#source = undefined
    return record
  }

  /** Returns the commit: the receiver of the accessor, or a prototype of it. */
  static #commitOf(receiver: object): LazyRecord | undefined {
    let owner: object | null = receiver
    while (owner !== null && !(#decode in owner)) owner = Object.getPrototypeOf(owner)
    return owner ?? undefined
  }
}

// All commits share one accessor. An accessor for each commit costs five times as much.
const RECORD: PropertyDescriptor & ThisType<object> = {
  get() {
    return LazyRecord.read(this)
  },
  set(value: unknown) {
    LazyRecord.write(this, value)
  },
  enumerable: true,
  configurable: true,
}

/**
 * Defines `commit.record`. `decode` makes it from `source` when it is first read. If `decode`
 * throws, each read calls it again and throws.
 */
export function defineLazyRecord<Source>(
  commit: object,
  source: Source,
  from: number,
  to: number,
  decode: DecodeRecord<Source>,
): void {
  Object.defineProperty(commit, 'record', RECORD)
  new LazyRecord(commit, source, from, to, decode as DecodeRecord<unknown>)
}
