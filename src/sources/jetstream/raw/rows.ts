import type { JetstreamEvent } from '../../../events.js'
import { CURSOR, type Form, RECORD, TIME } from './form.js'
import type { RawValues } from './raw-commit.js'

// A row has a column for each slot of the scanner, with its span. The time and the cursor are
// numbers of their own, so that their columns are free: for the end of the line, and for the form.
const END = TIME
const FORM = CURSOR
// Behind the slots.
const RECORD_TO = 9
const COLUMNS = 10
const MOST_ROWS = 4096

const ROW_BYTES = 4 * COLUMNS + 16

/** A place in memory at which a number of eight bytes can be. */
const aligned = (length: number): number => (length + 7) & ~7

// In the column of the form.
const ASCII = 1 << 8
const PARSED = 1 << 9

/** Where the values of lines are: a row of numbers for each line. */
export class Rows {
  constructor(
    private readonly numbers: Int32Array,
    /** Two for each line: its time, and its cursor or 0. */
    private readonly times: Float64Array,
    private readonly forms: readonly Form[],
    /** The events of lines without a form. */
    private readonly others: ReadonlyMap<number, JetstreamEvent> | undefined,
  ) {}

  /** Where the line begins. */
  from(index: number): number {
    return index === 0 ? 0 : this.to(index - 1) + 1
  }

  /** Where its line feed is. */
  to(index: number): number {
    return this.#at(index, END)
  }

  span(index: number, slot: number): number {
    return this.#at(index, slot)
  }

  isAscii(index: number): boolean {
    return (this.#at(index, FORM) & ASCII) !== 0
  }

  parsed(index: number): JetstreamEvent | undefined {
    return this.#at(index, FORM) === PARSED ? this.others?.get(index) : undefined
  }

  valuesOf(index: number): RawValues {
    return {
      form: this.forms[this.#at(index, FORM) & (ASCII - 1)] as Form,
      isAscii: this.isAscii(index),
      time_us: this.times[2 * index] as number,
      cursor: this.times[2 * index + 1] as number,
      recordFrom: this.#at(index, RECORD),
      recordTo: this.#at(index, RECORD_TO),
      span: (slot) => this.#at(index, slot),
    }
  }

  #at(index: number, column: number): number {
    return this.numbers[COLUMNS * index + column] as number
  }
}

/** Writes rows, one after the other. */
export class RowWriter {
  /** How many rows are written. */
  length = 0
  readonly #numbers = new Int32Array(COLUMNS * MOST_ROWS)
  readonly #times = new Float64Array(2 * MOST_ROWS)
  #others: Map<number, JetstreamEvent> | undefined

  constructor(private readonly forms: readonly Form[]) {}

  get isFull(): boolean {
    return this.length === MOST_ROWS
  }

  /** The row of a commit that was scanned, whose line ends at `to`. */
  write(values: RawValues, slots: readonly number[], to: number): void {
    const numbers = this.#numbers
    const row = COLUMNS * this.length
    for (let i = 0; i < slots.length; i += 1) {
      const slot = slots[i] as number
      numbers[row + slot] = values.span(slot)
    }
    numbers[row + END] = to
    numbers[row + FORM] = values.form.id | (values.isAscii ? ASCII : 0)
    if (values.form.hasRecord) {
      numbers[row + RECORD] = values.recordFrom
      numbers[row + RECORD_TO] = values.recordTo
    }
    this.#times[2 * this.length] = values.time_us
    this.#times[2 * this.length + 1] = values.cursor
    this.length += 1
  }

  /** One more span of the row that was written last. */
  writeSpan(slot: number, span: number): void {
    this.#numbers[COLUMNS * (this.length - 1) + slot] = span
  }

  /** The row of an event that was parsed. */
  writeParsed(event: JetstreamEvent, to: number): void {
    this.#others ??= new Map()
    this.#others.set(this.length, event)
    this.#numbers[COLUMNS * this.length + END] = to
    this.#numbers[COLUMNS * this.length + FORM] = PARSED
    this.length += 1
  }

  /** The last row is written over by the next one. */
  hideLast(): void {
    this.length -= 1
  }

  /** How many bytes so many rows take, behind `length` bytes of lines. */
  bytesOf(count: number, length: number): number {
    return aligned(length) - length + count * ROW_BYTES
  }

  /**
   * The first `count` rows, copied behind the first `length` bytes of `memory`: one piece of memory
   * for a chunk costs a third of three. The writer begins again.
   */
  take(count: number, { buffer, byteOffset }: Uint8Array, length: number): Rows {
    const at = byteOffset + aligned(length)
    const times = new Float64Array(buffer, at, 2 * count)
    const numbers = new Int32Array(buffer, at + times.byteLength, COLUMNS * count)
    times.set(this.#times.subarray(0, 2 * count))
    numbers.set(this.#numbers.subarray(0, COLUMNS * count))
    const rows = new Rows(numbers, times, this.forms, this.#others)
    this.#others = undefined
    this.length = 0
    return rows
  }
}
