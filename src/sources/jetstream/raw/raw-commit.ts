import { RecordError } from '../../../errors.js'
import { messageOf } from '../../../internal/message-of.js'
import { RAW_JSON } from '../../../internal/raw-json.js'
import { RAW_TEXT } from '../lazy/raw-text.js'
import { CID, COLLECTION, DID, type Form, type Operation, REV, RKEY, WITNESSED_AT } from './form.js'
import { cut } from './span.js'

/** Where the values of a commit are in its text. */
export interface RawValues {
  readonly form: Form
  /** Whether the text is ASCII. Else each of its characters is a byte of UTF-8. */
  readonly isAscii: boolean
  readonly time_us: number
  /** 0 where the form has none. */
  readonly cursor: number
  readonly recordFrom: number
  readonly recordTo: number
  /** See `packed`. Only of what the form has. */
  span(slot: number): number
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom')
const UNREAD = Symbol('not read yet')

/**
 * A commit of `decode: 'raw'`: one object over the text that was received. It is its own `commit`,
 * too. All members are accessors of this class, so that it has none of its own.
 */
export class RawCommit {
  readonly #form: Form
  readonly #text: string
  readonly #isAscii: boolean
  readonly #timeUs: number
  readonly #cursor: number
  readonly #did: number
  readonly #rev: number
  readonly #collection: number
  readonly #rkey: number
  readonly #cid: number
  readonly #witnessedAt: number
  readonly #recordFrom: number
  readonly #recordTo: number
  #record: unknown = UNREAD

  constructor(values: RawValues, text: string) {
    const { form } = values
    this.#form = form
    this.#text = text
    this.#isAscii = values.isAscii
    this.#timeUs = values.time_us
    this.#cursor = values.cursor
    this.#did = values.span(DID)
    this.#rev = values.span(REV)
    this.#collection = values.span(COLLECTION)
    this.#rkey = values.span(RKEY)
    this.#cid = form.hasRecord ? values.span(CID) : 0
    this.#witnessedAt = form.isWitnessed ? values.span(WITNESSED_AT) : 0
    this.#recordFrom = form.hasRecord ? values.recordFrom : 0
    this.#recordTo = form.hasRecord ? values.recordTo : 0
  }

  get did(): string {
    return cut(this.#text, this.#did)
  }

  get time_us(): number {
    return this.#timeUs
  }

  get cursor(): number | undefined {
    return this.#form.hasCursor ? this.#cursor : undefined
  }

  get kind(): 'commit' {
    return 'commit'
  }

  get commit(): this {
    return this
  }

  get witnessedAt(): string | undefined {
    return this.#form.isWitnessed ? cut(this.#text, this.#witnessedAt) : undefined
  }

  get rev(): string {
    return cut(this.#text, this.#rev)
  }

  get operation(): Operation {
    return this.#form.operation
  }

  get collection(): string {
    return cut(this.#text, this.#collection)
  }

  get rkey(): string {
    return cut(this.#text, this.#rkey)
  }

  get cid(): string | undefined {
    return this.#form.hasRecord ? cut(this.#text, this.#cid) : undefined
  }

  /** Parsed when it is first read, and then always the same object. */
  get record(): unknown {
    if (this.#record === UNREAD) this.#record = this.#parsed()
    return this.#record
  }

  /** What `decode: 'eager'` makes of the text: plain objects, which can be changed. */
  toJSON(): object {
    const { did, time_us, cursor, kind, witnessedAt, rev, operation, collection, rkey } = this
    const commit = { rev, operation, collection, rkey }
    return {
      did,
      time_us,
      ...(cursor !== undefined && { cursor }),
      kind,
      commit: this.#form.hasRecord ? { ...commit, record: this.record, cid: this.cid } : commit,
      ...(witnessedAt !== undefined && { witnessedAt }),
    }
  }

  /** See `rawText`. */
  get [RAW_TEXT](): string {
    return this.#decoded(this.#text)
  }

  /** The event in the form of wire v1. */
  get [RAW_JSON](): string {
    return this.#form.wire === 'v1' ? this.#decoded(this.#text).trimEnd() : this.#asV1()
  }

  [INSPECT](): object {
    return this.toJSON()
  }

  /** No value has an escape, so that each can be written as it is. */
  #asV1(): string {
    const { did, cursor, witnessedAt, rev, operation, collection, rkey, cid } = this
    const record = cid === undefined ? '' : `,"record":${this.#recordText},"cid":"${cid}"`
    const witnessed = witnessedAt === undefined ? '' : `,"witnessedAt":"${witnessedAt}"`
    return (
      `{"did":"${did}","time_us":${this.#timeUs},"cursor":${cursor},"kind":"commit","commit":` +
      `{"rev":"${rev}","operation":"${operation}","collection":"${collection}","rkey":"${rkey}"` +
      `${record}}${witnessed}}`
    )
  }

  get #recordText(): string {
    return this.#decoded(this.#text.slice(this.#recordFrom, this.#recordTo))
  }

  #decoded(text: string): string {
    return this.#isAscii ? text : Buffer.from(text, 'latin1').toString('utf8')
  }

  #parsed(): unknown {
    if (!this.#form.hasRecord) return undefined
    try {
      return JSON.parse(this.#recordText)
    } catch (cause) {
      throw new RecordError(`the record is no JSON: ${messageOf(cause)}`, { cause })
    }
  }
}
