import {
  type CursorStore,
  CursorStoreError,
  type ListingPosition,
  type Position,
  type PositionFormat,
} from '../../index.js'
import type { HostFeed } from './host-feed.js'

/** What rsky-ingester keeps when a backfill is complete. */
const DONE = '!ingester-done'

/** The key under which rsky-ingester keeps the position of a host, as the user wrote the host. */
export const cursorKey = ({ stream, host }: HostFeed): string => `${stream}:cursor:${host}`

/** Keeps the one position of a stream under `key`, in the place of the source's own name for it. */
export const underKey = (store: CursorStore, key: string): CursorStore => ({
  load: () => store.load(key),
  save: (_key, position) => store.save(key, position),
})

/**
 * A plain integer: the last seq that is done. rsky-ingester asks for the events after it. Our
 * position is the oldest event that may not be done, and its event is sent again: one more.
 */
export const seqFormat = (key: string): PositionFormat<Position> => ({
  write: ({ position }) => String(Math.max(0, position - 1)),
  read(text, host) {
    const position = /^\d+$/.test(text) ? Number(text) + 1 : Number.NaN
    if (!Number.isSafeInteger(position)) throw unreadable(key, text)
    return { host, position, time_us: 0 }
  },
})

/** The server's own cursor of a page. */
export const pageFormat = (key: string): PositionFormat<ListingPosition> => ({
  write: ({ cursor, completed }) => (completed ? DONE : cursor),
  read(text) {
    if (text === '') throw unreadable(key, text)
    return text === DONE ? { pages: 0, completed: true } : { pages: 0, cursor: text }
  },
})

const unreadable = (key: string, text: string): CursorStoreError =>
  new CursorStoreError(
    `${key} in Redis holds ${JSON.stringify(text.slice(0, 100))}, which is not a position; ` +
      'correct it, or delete it to start over',
  )
