import * as z from '#schema'

/** The longest time that a timer can wait. A longer one fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The default of an option: `defaultsTo(count, 500)`. */
export const defaultsTo = z._default
export const optional = z.optional

const MS = 'must be a number of milliseconds'
const waitable = z.lte(LONGEST_TIMER_MS, `must be at most ${LONGEST_TIMER_MS}`)

/** A time that a timer waits, above 0. */
export const milliseconds = z.number(MS).check(z.positive('must be above 0'), waitable)

/** A time that a timer waits, 0 included. */
export const delay = z.number(MS).check(z.gte(0, 'must not be negative'), waitable)

/** A time that no timer waits for, only a comparison. Infinity: never. */
export const patience = z.custom<number>(
  (value) => typeof value === 'number' && value > 0,
  'must be a number of milliseconds above 0, or Infinity',
)

/** A time that a timer waits, above 0. Infinity: no timer is set. */
export const timeout = z.custom<number>(
  (value) =>
    value === Number.POSITIVE_INFINITY ||
    (typeof value === 'number' && value > 0 && value <= LONGEST_TIMER_MS),
  `must be a number of milliseconds from 1 to ${LONGEST_TIMER_MS}, or Infinity`,
)

/** A whole number from `least`, or Infinity. */
const wholeFrom = (least: number, message: string) =>
  z.custom<number>(
    (value) =>
      value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && Number(value) >= least),
    message,
  )

/** A whole number above 0, or Infinity for no limit. */
export const count = wholeFrom(1, 'must be a whole number above 0, or Infinity')

/** A whole number, 0 included, or Infinity for no limit. */
export const whole = wholeFrom(0, 'must be a whole number, or Infinity')

/** A whole number above 0, up to `most`. */
export function countUpTo(most: number) {
  const message =
    most === Number.MAX_SAFE_INTEGER
      ? 'must be a whole number above 0'
      : `must be a whole number from 1 to ${most}`
  return z.int(message).check(z.gte(1, message), z.lte(most, message))
}

/** A whole number above 0 that cannot be without a limit. */
export const finiteCount = countUpTo(Number.MAX_SAFE_INTEGER)

export const callback = z.custom<(...values: never[]) => unknown>(
  (value) => typeof value === 'function',
  'must be a function',
)

/** A string with something in it. */
export const name = z.string('must be a string').check(z.minLength(1, 'must not be empty'))

/** One of these words. */
export const oneOf = <const Words extends readonly string[]>(...words: Words) =>
  z.enum(words, `must be ${listOf(words)}`)

const listOf = (words: readonly string[]): string =>
  words
    .map((word) => `'${word}'`)
    .join(', ')
    .replace(/, ([^,]*)$/, ' or $1')
