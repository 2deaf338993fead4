import * as z from '#schema'
import { isLogger, LOGGER } from '../internal/log.js'
import { milliseconds, name, oneOf, patience } from './pieces.js'
import { saying } from './saying.js'

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

const named = z.strictObject({
  store,
  everyMs: z.optional(milliseconds),
  failAfterMs: z.optional(patience),
  positionFormat: z.optional(z.custom((value) => hasMethods(value, 'write', 'read'))),
  name: z.optional(name),
  onFilterChange: z.optional(oneOf('resume', 'backfill')),
  external: z.optional(z.boolean('must be true or false')),
})

function mistakeInName(value: unknown): string | undefined {
  // A store of one's own may have a `name` too.
  if (hasMethods(value, 'load', 'save')) return undefined
  const { name, onFilterChange, positionFormat } = value as Readonly<Record<string, unknown>>
  if (name !== undefined && positionFormat !== undefined)
    return 'cannot have both `name` and `positionFormat`, whose text has no room for the filter'
  return name === undefined && onFilterChange !== undefined
    ? 'needs a `name` for `onFilterChange`: without one, another filter is another stream'
    : undefined
}

/** A store, alone or with how often it is written. */
export const checkpoint = z
  .union(
    [store, named],
    'must be a cursor store, or `{ store, everyMs, failAfterMs, positionFormat, name, ' +
      'onFilterChange, external }`',
  )
  .check(saying(mistakeInName))
