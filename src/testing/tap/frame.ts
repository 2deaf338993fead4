import type { TapIdentityEvent, TapRecordEvent } from '../../sources/tap/events.js'

/** A Tap event before the server gives it an id. */
export type FakeTapEvent = Omit<TapRecordEvent, 'id'> | Omit<TapIdentityEvent, 'id'>

/**
 * An event, or the text of a frame. A text keeps its id and every byte, valid or not.
 */
export type FakeTapItem = FakeTapEvent | string

/** One frame, and what the server knows about it. */
export interface TapFrame {
  readonly id: number
  readonly did: string
  readonly live: boolean
  readonly text: string
}

/**
 * The frame of an item, as Go's `encoding/json` writes it. `nextId` is used if the item has no id.
 */
export function tapFrame(item: FakeTapItem, nextId: number): TapFrame {
  if (typeof item === 'string') return frameOfText(item, nextId)
  const live = item.type === 'record' && item.live
  return {
    id: nextId,
    did: item.did,
    live,
    text: escaped(JSON.stringify({ id: nextId, ...bodyOf(item) })),
  }
}

/** The id in a recorded frame. */
export const idOf = (text: string): number | undefined => {
  const id = /^\s*\{\s*"id"\s*:\s*(\d+)/.exec(text)?.[1]
  return id === undefined ? undefined : Number(id)
}

/** Reads the first members only: a frame that is broken after them has a row too. */
function frameOfText(text: string, nextId: number): TapFrame {
  const head = text.slice(0, 1_000)
  const did = /"did"\s*:\s*"([^"]*)"/.exec(head)?.[1] ?? ''
  return { id: idOf(text) ?? nextId, did, live: /"live"\s*:\s*true/.test(head), text }
}

function bodyOf(event: FakeTapEvent): object {
  if (event.type === 'identity') {
    const { did, handle, isActive, status } = event
    return { type: 'identity', identity: { did, handle, is_active: isActive, status } }
  }
  const { live, did, rev, collection, rkey, action, record, cid } = event
  return {
    type: 'record',
    record: {
      live,
      did,
      rev,
      collection,
      rkey,
      action,
      record: isSorted(record) ? record : sorted(record),
      cid,
    },
  }
}

function isSorted(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isSorted)
  let last = ''
  for (const [key, member] of Object.entries(value)) {
    if (key < last || !isSorted(member)) return false
    last = key
  }
  return true
}

/** Go's JSON encoder sorts the keys of a map. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  const entries = Object.entries(value).map(([key, member]) => [key, sorted(member)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

const escaped = (json: string): string =>
  json.replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
