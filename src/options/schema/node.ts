/** What describes an option: the part of `zod/mini` that we use. In a page it is `browser.ts`. */
export {
  _default,
  array,
  boolean,
  check,
  custom,
  date,
  enum,
  gte,
  instanceof,
  int,
  literal,
  lte,
  minLength,
  number,
  optional,
  parse,
  positive,
  record,
  refine,
  regex,
  safeParse,
  strictObject,
  string,
  union,
  unknown,
  type ZodMiniDefault as SchemaWithDefault,
  type ZodMiniType as Schema,
} from 'zod/mini'

import type { core } from 'zod/mini'

/** A mistake in a value. */
export type Issue = core.$ZodIssue

/** A check of a value that is a `T`. */
export type Check<T> = core.$ZodCheck<T>
