import * as z from 'zod/mini'
import type { CursorStore } from '../cursors/cursor-store.js'
import { ConfigError, type ConfigIssue } from '../errors.js'
import { isLogger, LOGGER, type Logger } from '../internal/log.js'

// A timer that is asked for more fires at once.
const LONGEST_TIMER_MS = 2 ** 31 - 1
const TOO_LONG = `must be at most ${LONGEST_TIMER_MS}`
const positive = z
  .number('must be a number')
  .check(z.positive('must be above 0'), z.lte(LONGEST_TIMER_MS, TOO_LONG))
const delayMs = z
  .number('must be a number of milliseconds')
  .check(z.gte(0, 'must not be negative'), z.lte(LONGEST_TIMER_MS, TOO_LONG))

/** A whole number from `least`, or Infinity. */
const countFrom = (least: 0 | 1, message: string) =>
  z.union(
    [z.int(message).check(z.gte(least, message)), z.literal(Number.POSITIVE_INFINITY)],
    message,
  )

// RFC 9110 section 5.5, and 5.6.2 for the name. What breaks it would throw at every dial.
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const headerValue = z
  .string('must be a string')
  .check(z.regex(HEADER_VALUE, 'must be one line of Latin-1 text'))

const hasMethods = (value: unknown, ...names: readonly string[]): boolean =>
  typeof value === 'object' &&
  value !== null &&
  names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')

const isObserver = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  typeof ((value as { next?: unknown }).next ?? (() => {})) === 'function'

export const logOption = z.union([z.literal(false), z.custom<Logger>(isLogger)], LOGGER)

export const observer = <T>() =>
  z.custom<T>(isObserver, 'must be an observer: an object with a `next` method')

const store = z.custom<CursorStore>(
  (value) => hasMethods(value, 'load', 'save'),
  'must be a cursor store: an object with `load` and `save`',
)
const checkpoint = z.union(
  [
    store,
    z.strictObject({
      store,
      everyMs: z.optional(positive),
      failAfterMs: z.optional(z.union([positive, z.literal(Number.POSITIVE_INFINITY)])),
      positionFormat: z.optional(z.custom((value) => hasMethods(value, 'write', 'read'))),
    }),
  ],
  'must be a cursor store, or `{ store, everyMs, failAfterMs, positionFormat }`',
)

const reconnect = z.strictObject({
  initialDelayMs: z.optional(delayMs),
  maxDelayMs: z.optional(delayMs),
  multiplier: z.optional(z.number('must be a number').check(z.gte(1, 'must be at least 1'))),
  jitter: z.optional(z.enum(['full', 'none'], "must be 'full' or 'none'")),
  random: z.optional(
    z.custom<() => number>((value) => typeof value === 'function', 'must be a function'),
  ),
  maxAttempts: z.optional(countFrom(0, 'must be a whole number, or Infinity')),
})

/** The options that every live source shares. */
export const liveShape = {
  host: z.optional(
    z.union(
      [z.string(), z.array(z.string()).check(z.minLength(1, 'must not be empty'))],
      'must be a host name, a URL, or a list of them that is not empty',
    ),
  ),
  checkpoint: z.optional(checkpoint),
  reconnect: z.optional(reconnect),
  connectTimeoutMs: z.optional(positive),
  idleTimeoutMs: z.optional(positive),
  pauseCloseMs: z.optional(delayMs),
  maxFrameBytes: z.optional(countFrom(1, 'must be a whole number above 0, or Infinity')),
  headers: z.optional(
    z.record(
      z.string().check(z.regex(HEADER_NAME, 'must be named by a token')),
      headerValue,
      'must be an object of header names and values',
    ),
  ),
  userAgent: z.optional(headerValue),
  metrics$: z.optional(observer()),
  rejects: z.optional(observer()),
  gaps: z.optional(observer()),
  log: z.optional(logOption),
}

/** Collects what is wrong, so that a config is told all its mistakes at once. */
export class Issues {
  readonly all: ConfigIssue[] = []

  add(option: string, message: string): void {
    this.all.push({ option, message })
  }

  /** Runs `read`; a mistake it throws is added, and `fallback` returned. */
  try<T>(option: string, read: () => T, fallback: T): T {
    try {
      return read()
    } catch (error) {
      this.add(option, error instanceof Error ? error.message : String(error))
      return fallback
    }
  }

  throwIfAny(callee: string): void {
    if (this.all.length > 0) throw new ConfigError(callee, this.all)
  }
}

/** Checks `config` against `schema`: each mistake with the option's name and its value. */
export function checkShape(schema: z.ZodMiniType, config: unknown, issues: Issues): void {
  const result = z.safeParse(schema, config ?? {})
  for (const issue of result.error?.issues ?? []) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) issues.add([...issue.path, key].join('.'), 'is not an option')
    } else issues.add(issue.path.join('.') || 'config', messageOf(issue, config))
  }
}

function messageOf({ path, message }: z.core.$ZodIssue, config: unknown): string {
  // A header may hold a password.
  return path[0] === 'adminPassword' || path[0] === 'headers'
    ? message
    : `${message}, not ${shown(valueAt(config, path))}`
}

function valueAt(config: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    config,
  )
}

/** A value, short enough for a message, without the password of a URL. */
export function shown(value: unknown): string {
  const whole =
    typeof value === 'function'
      ? 'a function'
      : typeof value === 'bigint'
        ? `${value}n`
        : (safeJson(value) ?? String(value))
  const text = withoutPasswords(whole)
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

// Longer than any URL with a password. The search below takes time in the square of the slashes.
const MAX_SEARCHED = 1000

function withoutPasswords(text: string): string {
  const hidden = text.slice(0, MAX_SEARCHED).replace(/\/\/[^\s"]*@/g, '//…@')
  // The `@` of the last URL may be in what was cut off.
  return text.length > MAX_SEARCHED ? hidden.replace(/\/\/(?!…@)[^\s"]*$/, '//…') : hidden
}

function safeJson(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  try {
    return JSON.stringify(value)
  } catch {
    return String(value)
  }
}
