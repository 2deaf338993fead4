import { FrameError } from '../errors.js'
import type { Layout } from '../internal/bounded-json.js'
import { isObject, type Json } from '../internal/json.js'
import { parseContent } from '../internal/parse-content.js'

export { isObject, type Json }

/** The first field whose name is one of `names`, with its value. */
export function fieldOf<Name extends string>(
  fields: readonly string[],
  ...names: readonly Name[]
): readonly [Name, string] | undefined {
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = names.find((one) => one === fields[i])
    if (name !== undefined) return [name, fields[i + 1] ?? '']
  }
  return undefined
}

/**
 * Parses the JSON object in a field. Throws {@link FrameError}, also for content beyond the bounds.
 */
export function parseObject(field: string, text: string, layout: Layout): Json {
  const value = parseContent(`the field \`${field}\``, text, layout)
  if (!isObject(value)) throw new FrameError(`the field \`${field}\` holds no object`)
  return value
}

/** The error for an entry that has none of the `wanted` fields: names those that it has. */
export function missing(wanted: string, fields: readonly string[]): FrameError {
  const names = fields
    .filter((_, index) => index % 2 === 0)
    .map((name) => `\`${name.slice(0, 50)}\``)
  return new FrameError(
    `the entry has no field ${wanted}, but ${names.slice(0, 5).join(', ') || 'none'}`,
  )
}

/** Throws {@link FrameError} unless each of `members` is a string. */
export function checkStrings(what: string, value: Json, ...members: readonly string[]): void {
  const wrong = members.filter((member) => typeof value[member] !== 'string')
  if (wrong.length > 0)
    throw new FrameError(`the ${what} lacks ${wrong.map((member) => `\`${member}\``).join(', ')}`)
}
