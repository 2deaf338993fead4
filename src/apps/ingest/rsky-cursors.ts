import { type CursorStore, CursorStoreError } from '../../index.js'
import type { HostFeed } from './host-feed.js'

/** How rsky-ingester writes a position, and how a source of ours does. */
export interface Translation {
  /** `undefined` where the text is none of theirs. `key` is what our source calls the stream. */
  toOurs(text: string, key: string): string | undefined
  toTheirs(position: string): string
}

/** What rsky-ingester keeps when a backfill is through. */
const DONE = '!ingester-done'

/**
 * A seq, the last one that is done: rsky asks for what lies behind it. Our position is the oldest
 * event that may not be done, and is asked for again; so it is one more, and nothing is lost either
 * way.
 */
export const SEQ: Translation = {
  toOurs(text, key) {
    const seq = /^\d+$/.test(text) ? Number(text) : Number.NaN
    return Number.isSafeInteger(seq + 1)
      ? JSON.stringify({ host: hostIn(key), position: seq + 1, time_us: 0 })
      : undefined
  },
  toTheirs: (position) =>
    String(Math.max(0, (JSON.parse(position) as { readonly position: number }).position - 1)),
}

/** The cursor of a page, whose text is the server's own. */
export const PAGE: Translation = {
  toOurs: (text) =>
    text === ''
      ? undefined
      : JSON.stringify(text === DONE ? { pages: 0, completed: true } : { pages: 0, cursor: text }),
  toTheirs(position) {
    const { cursor, completed } = JSON.parse(position) as {
      readonly cursor?: string
      readonly completed?: boolean
    }
    return completed ? DONE : (cursor ?? '')
  },
}

/** The key under which rsky-ingester keeps the position of a host: written as its user wrote it. */
export const cursorKey = ({ stream, host }: HostFeed): string => `${stream}:cursor:${host}`

/** Positions of `feed` in `store`, such that rsky-ingester goes on from ours, and we from its. */
export const rskyCursors = (
  store: CursorStore,
  feed: HostFeed,
  { toOurs, toTheirs }: Translation,
): CursorStore => ({
  async load(key) {
    const text = await store.load(cursorKey(feed))
    if (text === undefined) return undefined
    const position = toOurs(text, key)
    if (position !== undefined) return position
    throw new CursorStoreError(
      `${cursorKey(feed)} in Redis holds ${JSON.stringify(text.slice(0, 100))}, which is no position; correct it, or delete it to start anew`,
    )
  },
  save: (_key, position) => store.save(cursorKey(feed), toTheirs(position)),
})

/** A live source calls its stream by its name, the endpoint, and its filters. */
const hostIn = (key: string): string => key.split(' ')[1] ?? ''
