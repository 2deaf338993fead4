import { RecordError } from '../errors.js'
import { PrivateFieldHost } from './private-field-host.js'

/** Decodes the part of `source` from `from` to `to`. Throws `RecordError` if that fails. */
export type DecodeRecord<Source> = (source: Source, from: number, to: number) => unknown

/** A record's block, the problem with it, or both. */
export interface FoundRecord {
  readonly block?: Uint8Array
  readonly problem?: string
}

/** Looks up the record of the operation at `index`. */
export type FindRecord<Source> = (source: Source, index: number) => FoundRecord

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

  /** Returns the commit: the receiver of the accessor, or a prototype of it. */
  static ownerOf(receiver: object): LazyRecord | undefined {
    let owner: object | null = receiver
    while (owner !== null && !(#decode in owner)) owner = Object.getPrototypeOf(owner)
    return owner ?? undefined
  }

  static read(commit: LazyRecord): unknown {
    const decode = commit.#decode
    return decode === undefined
      ? commit.#record
      : LazyRecord.set(commit, decode(commit.#source, commit.#from, commit.#to))
  }

  static set(commit: LazyRecord, record: unknown): unknown {
    commit.#record = record
    commit.#decode = undefined
    commit.#source = undefined
    return record
  }

  /** Replaces the source by the block that `find` finds in it. Returns the problem. */
  static find(commit: LazyRecord, find: FindRecord<unknown>): string | undefined {
    const { block, problem } = find(commit.#source, commit.#from)
    if (block === undefined) LazyRecord.set(commit, undefined)
    else {
      commit.#source = block
      commit.#from = 0
      commit.#to = block.length
    }
    return problem
  }
}

/**
 * A commit's `record` and `problem`. The record is found when one of them is first read or
 * assigned, and decoded when `record` is read. Both behave as plain members.
 */
class FindableRecord extends LazyRecord {
  // `undefined` after the record was looked up.
  #find: FindRecord<unknown> | undefined
  #problem: unknown

  constructor(
    commit: object,
    source: unknown,
    index: number,
    find: FindRecord<unknown>,
    decode: DecodeRecord<unknown>,
  ) {
    super(commit, source, index, index, decode)
    this.#find = find
  }

  /** As in {@link LazyRecord}, its record looked up. */
  static override ownerOf(receiver: object): FindableRecord | undefined {
    let owner: object | null = receiver
    while (owner !== null && !(#find in owner)) owner = Object.getPrototypeOf(owner)
    if (owner !== null && owner.#find !== undefined) {
      owner.#problem = LazyRecord.find(owner, owner.#find)
      owner.#find = undefined
    }
    return owner ?? undefined
  }

  static problem(commit: FindableRecord): unknown {
    return commit.#problem
  }

  static setProblem(commit: FindableRecord, problem: unknown): void {
    commit.#problem = problem
  }
}

function unreadable(name: string): RecordError {
  return new RecordError(
    `the ${name} cannot be read through a proxy, or through a copy of its accessor; ` +
      'copy the commit by value first: `{ ...commit }`',
  )
}

/** Whether an assignment is for the commit itself. Otherwise defines a plain member. */
function isOwn<Commit extends object>(
  commit: Commit | undefined,
  receiver: object,
  name: string,
  value: unknown,
): commit is Commit {
  if (commit !== undefined && Object.isFrozen(commit))
    throw new TypeError(`Cannot assign to read only property '${name}' of object '#<Object>'`)
  if (commit === receiver) return true
  // The receiver inherits the member, or is a proxy: assigning defines a plain member on it.
  const plain = { value, writable: true, enumerable: true, configurable: true }
  Object.defineProperty(receiver, name, plain)
  return false
}

type Accessor = PropertyDescriptor & ThisType<object>

// All commits share one accessor. An accessor for each commit costs five times as much.
const RECORD: Accessor = {
  get() {
    const commit = LazyRecord.ownerOf(this)
    if (commit === undefined) throw unreadable('record')
    return LazyRecord.read(commit)
  },
  set(value: unknown) {
    const commit = LazyRecord.ownerOf(this)
    if (isOwn(commit, this, 'record', value)) LazyRecord.set(commit, value)
  },
  enumerable: true,
  configurable: true,
}
const FINDABLE_RECORD: Accessor = {
  get() {
    const commit = FindableRecord.ownerOf(this)
    if (commit === undefined) throw unreadable('record')
    return LazyRecord.read(commit)
  },
  set(value: unknown) {
    const commit = FindableRecord.ownerOf(this)
    if (isOwn(commit, this, 'record', value)) LazyRecord.set(commit, value)
  },
  enumerable: true,
  configurable: true,
}
const PROBLEM: Accessor = {
  get() {
    const commit = FindableRecord.ownerOf(this)
    if (commit === undefined) throw unreadable('problem')
    return FindableRecord.problem(commit)
  },
  set(value: unknown) {
    const commit = FindableRecord.ownerOf(this)
    if (isOwn(commit, this, 'problem', value)) FindableRecord.setProblem(commit, value)
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

/**
 * Defines `commit.record`, of the operation at `index`. `find` is called once, and `decode` gets
 * the block that it found; without a block, the record is `undefined`.
 */
export function defineFindableRecord<Source>(
  commit: object,
  source: Source,
  index: number,
  find: FindRecord<Source>,
  decode: DecodeRecord<Uint8Array>,
): void {
  Object.defineProperty(commit, 'record', FINDABLE_RECORD)
  new FindableRecord(
    commit,
    source,
    index,
    find as FindRecord<unknown>,
    decode as DecodeRecord<unknown>,
  )
}

/** Defines `commit.problem`, of a commit with a findable record. */
export function defineLazyProblem(commit: object): void {
  Object.defineProperty(commit, 'problem', PROBLEM)
}
