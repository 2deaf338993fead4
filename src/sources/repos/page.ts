import { PageError } from '../../errors.js'
import { type Layout, parseBounded, Unreadable } from '../../internal/bounded-json.js'
import { BoundsError } from '../../internal/content-bounds.js'

const LAYOUT: Layout = { wrapper: 'repos', replaced: 'every item' }

/** One answer of a server. */
export interface Page {
  /** Asks for the page behind this one; `undefined` where there is none. */
  readonly next: string | undefined
  /** Unread, so that one bad repo does not cost its neighbours. */
  readonly repos: readonly unknown[]
}

/**
 * Reads a page. A relay gives a cursor with full pages alone, a PDS with every page but an empty
 * one: the end is no cursor, or no repo. Throws {@link PageError}.
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
