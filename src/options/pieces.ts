import * as z from 'zod/mini'
import { isLogger, LOGGER } from '../internal/log.js'
import { messageOf } from '../internal/message-of.js'
import { hostUrl } from './host-url.js'

/** The longest time that a timer can wait. Asked for more, it fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** What an option is when nobody says: `defaultsTo(count, 500)`. */
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

const isObserver = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  ['function', 'undefined'].includes(typeof (value as { next?: unknown }).next)

export const observer = z.custom(isObserver, 'must be an observer: an object with a `next` method')

export const log = z.union([z.literal(false), z.custom(isLogger)], LOGGER)

const hasMethods = (value: unknown, ...names: readonly string[]): boolean =>
  typeof value === 'object' &&
  value !== null &&
  names.every((name) => typeof Reflect.get(value, name) === 'function')

const store = z.custom(
  (value) => hasMethods(value, 'load', 'save'),
  'must be a cursor store: an object with `load` and `save`',
)

/** A store, alone or with how often it is written. */
export const checkpoint = z.union(
  [
    store,
    z.strictObject({
      store,
      everyMs: z.optional(milliseconds),
      failAfterMs: z.optional(patience),
      positionFormat: z.optional(z.custom((value) => hasMethods(value, 'write', 'read'))),
    }),
  ],
  'must be a cursor store, or `{ store, everyMs, failAfterMs, positionFormat }`',
)

/** Marks an issue whose message has the value in it, or leaves it out for a reason. */
export const WHOLE = { whole: true }

/** A check that says itself what is wrong: `undefined` where nothing is. */
export const saying = <T>(mistakeIn: (value: T) => string | undefined) =>
  z.check<T>(({ value, issues }) => {
    const message = mistakeIn(value)
    if (message !== undefined)
      issues.push({ code: 'custom', message, input: value, params: WHOLE, continue: true })
  })

/** An option that had another name. */
export const renamedTo = (option: string) =>
  z
    .unknown()
    .check(saying((value) => (value === undefined ? undefined : `is called \`${option}\` now`)))

const mistakeIn =
  (read: (text: string) => unknown) =>
  (text: string): string | undefined => {
    try {
      read(text)
      return undefined
    } catch (error) {
      return messageOf(error)
    }
  }

/** A host as a user writes it. `read` throws an `Error` that says what is wrong with one. */
export const host = (message: string, read: (text: string) => unknown = hostUrl) =>
  z.string(message).check(saying(mistakeIn(read)))

/** One host, or several; `message` says what is wrong with anything else. */
export const hosts = (message: string, read?: (text: string) => unknown) =>
  z.union(
    [host(message, read), z.array(host(message, read)).check(z.minLength(1, message))],
    message,
  )
