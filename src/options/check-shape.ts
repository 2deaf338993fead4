import * as z from '#schema'
import type { Issues } from './issues.js'
import { WHOLE } from './saying.js'
import { shown } from './shown.js'
import { defaultOf, type ShapeOf, type WithDefaults } from './with-defaults.js'

/**
 * Checks each option against its piece and adds every mistake, with the option's name and value.
 *
 * Returns the options with their defaults filled in. An option with a mistake has its default, so
 * that the other options can still be checked. Before two options are compared, call
 * {@link Issues.concern}: it says whether one of them has a mistake.
 */
export function checkShape<Options extends object, const Shape extends ShapeOf<Options>>(
  shape: Shape,
  config: Options,
  issues: Issues,
): WithDefaults<Options, Shape> {
  const given = membersOf(config, issues)
  const filled = Object.entries<z.Schema>(shape).map(([name, piece]) => {
    const { success, data, error } = z.safeParse(piece, given[name])
    for (const issue of error?.issues ?? []) addIssue(name, issue, given[name], issues)
    return [name, success ? data : defaultOf(piece)] as const
  })
  for (const name of Object.keys(given))
    if (!Object.hasOwn(shape, name)) issues.add(name, 'is not an option')
  return Object.fromEntries(filled) as WithDefaults<Options, Shape>
}

function membersOf(config: unknown, issues: Issues): Readonly<Record<string, unknown>> {
  if (typeof (config ?? {}) === 'object') return (config ?? {}) as Record<string, unknown>
  issues.add('config', `must be an object of options, not ${shown(config)}`)
  return {}
}

function addIssue(name: string, issue: z.Issue, value: unknown, issues: Issues): void {
  const option = [name, ...issue.path].join('.')
  if (issue.code === 'unrecognized_keys')
    for (const key of issue.keys) issues.add(`${option}.${key}`, 'is not an option')
  else if (isWhole(issue) || SECRET.has(name)) issues.add(option, issue.message)
  else issues.add(option, `${issue.message}, not ${shown(valueAt(value, issue.path))}`)
}

// A header may hold a password, and an agent that of its proxy.
const SECRET: ReadonlySet<string> = new Set([
  'adminPassword',
  'apiKey',
  'archive',
  'headers',
  'agent',
])

const isWhole = (issue: z.Issue): boolean => issue.code === 'custom' && issue.params === WHOLE

function valueAt(option: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    option,
  )
}
