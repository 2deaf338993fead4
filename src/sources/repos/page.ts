import { PageError } from '../../errors.js'
import { type Layout, parseBounded, Unreadable } from '../../internal/bounded-json.js'
import { BoundsError } from '../../internal/content-bounds.js'

const LAYOUT: Layout = { wrapper: 'repos', replaced: 'every item' }

/** One response of a server. */
export interface Page {
  /** The cursor of the page after this one; `undefined` if this is the last. */
  readonly next: string | undefined
  /** Not checked yet, so that one bad repo does not reject the whole page. */
  readonly repos: readonly unknown[]
}

/**
 * Reads a page. A relay sends a cursor only with full pages, a PDS with every page that is not
 * empty. So the listing ends at a page without a cursor or without repos. Throws {@link PageError}.
 */
export function readPage(text: string): Page {
  const { cursor, repos } = objectOf(text)
  // A Go server writes an empty list as null.
  const list = repos === null ? [] : repos
  if (!Array.isArray(list)) throw new PageError('the page has no list of `repos`')
  if (cursor !== undefined && cursor !== null && typeof cursor !== 'string')
    throw new PageError('the `cursor` of the page is no string')
  return { next: list.length === 0 || !cursor ? undefined : cursor, repos: list }
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = parseBounded(text, LAYOUT)
  } catch (cause) {
    if (cause instanceof BoundsError)
      throw new PageError(`the page holds what is ${cause.message}`, { cause })
    throw new PageError(`the page is no JSON: ${JSON.stringify(text.slice(0, 100))}`, { cause })
  }
  if (typeof value !== 'object' || value === null) throw new PageError('the page is no object')
  return value as Readonly<Record<string, unknown>>
}

/** The JSON of one entry. */
export const jsonOf = (value: unknown): string =>
  value instanceof Unreadable ? value.text : JSON.stringify(value)
