import { timeUsAt } from '../../../atproto/time.js'
import type { JetstreamEvent } from '../../../events.js'
import type { TextBytes } from '../../../socket/text-bytes.js'
import type { LazyReader } from '../decoding.js'
import { type Scanner, sharedScanner } from '../lazy/scanner.js'
import {
  CID,
  COLLECTION,
  CURSOR,
  DID,
  type Form,
  RECORD,
  REV,
  RKEY,
  TIME,
  WITNESSED_AT,
} from './form.js'
import { RawCommit, type RawValues } from './raw-commit.js'
import { MOST_LENGTH, packed } from './span.js'

interface Prepared {
  readonly form: Form
  readonly handle: number
}

/**
 * Finds the values of commits that are written exactly as servers write them. What it found is that
 * of the message that was read last.
 */
export class RawReader implements RawValues {
  form: Form
  time_us = 0
  /** 0 where the form has none. */
  cursor = 0
  // Those of the variant that was met last are tried first: another may differ only after the
  // record, which would be scanned twice.
  #prepared: readonly Prepared[]
  #from = 0

  constructor(
    readonly scanner: Scanner,
    forms: readonly Form[],
  ) {
    this.form = forms[0] as Form
    this.#prepared = forms.map((form) => ({ form, handle: scanner.prepare(form.shape) }))
  }

  /** Whether the message is such a commit. */
  read(message: TextBytes): boolean {
    for (let index = 0; index < this.#prepared.length; index += 1) {
      const { handle, form } = this.#prepared[index] as Prepared
      if (!this.scanner.matches(handle, message)) continue
      if (form.variant !== this.#prepared[0]?.form.variant) this.#prefer(form.variant)
      this.form = form
      this.#from = message.from
      return this.#isSound(form)
    }
    return false
  }

  /** The position and the length of a span in the text, as one number. */
  span(slot: number): number {
    const from = this.scanner.from(slot)
    return packed(from - this.#from, this.scanner.to(slot) - from)
  }

  /** The start of the record in the text. */
  get recordFrom(): number {
    return this.scanner.from(RECORD) - this.#from
  }

  get recordTo(): number {
    return this.scanner.to(RECORD) - this.#from
  }

  get isAscii(): boolean {
    return this.scanner.isAscii
  }

  #prefer(variant: number): void {
    const isOf = ({ form }: Prepared) => form.variant === variant
    const others = this.#prepared.filter((one) => !isOf(one))
    this.#prepared = [...this.#prepared.filter(isOf), ...others]
  }

  #isSound({ wire, hasCursor, hasRecord, isWitnessed }: Form): boolean {
    this.time_us = wire === 'v1' ? this.scanner.number(TIME) : this.#timeOf()
    this.cursor = hasCursor ? this.scanner.number(CURSOR) : 0
    return (
      isPosition(this.time_us) &&
      (!hasCursor || isPosition(this.cursor)) &&
      // All of them at once.
      (this.#length(DID) |
        this.#length(REV) |
        this.#length(COLLECTION) |
        this.#length(RKEY) |
        (hasRecord ? this.#length(CID) : 0) |
        (isWitnessed ? this.#length(WITNESSED_AT) : 0)) <=
        MOST_LENGTH
    )
  }

  #length(slot: number): number {
    return this.scanner.to(slot) - this.scanner.from(slot)
  }

  #timeOf(): number {
    const { scanner } = this
    return timeUsAt(scanner.memory, scanner.stringFrom(TIME), scanner.stringTo(TIME))
  }
}

const isPosition = (value: number): boolean => value > 0 && Number.isSafeInteger(value)

/** The reader of `forms`; `undefined` where there is no scanner. */
export function rawReader(forms: readonly Form[]): RawReader | undefined {
  const scanner = sharedScanner()
  return scanner && new RawReader(scanner, forms)
}

/** Reads one message at a time, for `decode: 'raw'`. */
export function rawEvents(forms: readonly Form[]): LazyReader {
  let reader: RawReader | undefined
  return (message) => {
    // Made for the first message: a browser never has one in bytes.
    reader ??= rawReader(forms)
    if (!reader?.read(message)) return undefined
    const text = message.chunk.latin1Slice(message.from, message.to)
    return new RawCommit(reader, text) as unknown as JetstreamEvent
  }
}
