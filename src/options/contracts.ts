import * as z from '#schema'
import { isLogger, LOGGER } from '../internal/log.js'
import { milliseconds, patience } from './pieces.js'

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
