import { InvalidArgumentError } from 'commander'

/** Fills the placeholders of a template from an event. */
export type Template = (event: unknown) => string

// `{{` and `}}` are braces.
const PART = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g

/**
 * Reads `'{did} {commit.record.text}'`. A member that an event lacks is empty, one that is no text
 * or number is JSON. Line breaks become spaces, so that an event stays one line.
 */
export function parseTemplate(text: string): Template {
  const parts: (string | readonly string[])[] = []
  let from = 0
  for (const { 0: token, 1: path, index } of text.matchAll(PART)) {
    parts.push(text.slice(from, index))
    from = index + token.length
    parts.push(path === undefined ? braceOf(token) : membersOf(path))
  }
  parts.push(text.slice(from))
  return (event) =>
    parts
      .map((part) => (typeof part === 'string' ? part : shown(memberAt(event, part))))
      .join('')
      .replace(/[\r\n]+/g, ' ')
}

function braceOf(token: string): string {
  if (token.length === 2) return token.slice(1)
  throw new InvalidArgumentError("Close each brace, as in '{did}'; write {{ for a brace.")
}

function membersOf(path: string): readonly string[] {
  const members = path.trim().split('.')
  if (members.includes(''))
    throw new InvalidArgumentError(`Name a member between the braces, not "${path}".`)
  return members
}

function memberAt(value: unknown, path: readonly string[]): unknown {
  let at: unknown = value
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Readonly<Record<string, unknown>>)[name]
  }
  return at
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
