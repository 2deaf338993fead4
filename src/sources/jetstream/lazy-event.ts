import type { JetstreamEvent } from '../../events.js'
import { type TextBytes, textOf } from '../../socket/text-bytes.js'
import { defineRecord, keepText } from './lazy-record.js'

export const OPERATIONS = ['create', 'update', 'delete'] as const

/** What was read of a commit by hand. */
export interface Found {
  readonly did: string
  readonly time_us: number
  readonly cursor: number | undefined
  readonly rev: string
  readonly operation: (typeof OPERATIONS)[number]
  readonly collection: string
  readonly rkey: string
  /** Where the record stands, and its CID; without meaning for a delete. */
  recordFrom: number
  recordTo: number
  cid: string
}

type Head = Pick<Found, 'rev' | 'operation' | 'collection' | 'rkey'> & { cid?: string }

/** The event, member for member in the order of wire v1; `undefined` where its text is not UTF-8. */
export function lazyEvent(message: TextBytes, isAscii: boolean, found: Found): JetstreamEvent | undefined {
  const { chunk, from, to } = message
  const text = isAscii ? chunk.latin1Slice(from, to) : textOf(chunk, from, to)
  if (text === undefined) return undefined
  const { did, time_us, cursor, operation } = found
  // Ahead of the record and behind it all is ASCII: a byte is a character.
  const commit =
    operation === 'delete' ? head(found) : lazyCommit(text, found.recordFrom - from, text.length - (to - found.recordTo), found)
  const event = cursor === undefined ? { did, time_us, kind: 'commit', commit } : { did, time_us, cursor, kind: 'commit', commit }
  return keepText(event as JetstreamEvent, text)
}

const head = ({ rev, operation, collection, rkey }: Found): Head => ({ rev, operation, collection, rkey })

function lazyCommit(text: string, from: number, to: number, found: Found): object {
  const commit = head(found)
  defineRecord(commit, text, from, to)
  commit.cid = found.cid
  return commit
}
