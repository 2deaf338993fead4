import type { Layout } from '../../internal/bounded-json.js'
import type { EntryFormat } from '../entry-format.js'
import { fieldOf, isObject, type Json, missing, parseObject } from '../fields.js'
import { decodeEvent, encodeEvent } from './event.js'
import { decodeLabels, encodeLabel, isLabel } from './label.js'
import { decodeRepo, encodeRepo, isRepo } from './repo.js'

const DECODERS: Readonly<Record<'event' | 'repo' | 'labels', (value: Json) => readonly unknown[]>> =
  {
    event: (value) => [decodeEvent(value)],
    repo: (value) => [decodeRepo(value)],
    labels: decodeLabels,
  }

const LAYOUTS: Readonly<Record<keyof typeof DECODERS, Layout>> = {
  event: {},
  repo: { isContent: () => true },
  labels: { wrapper: 'labels' },
}

/**
 * The format of rsky's readers (blacksky-algorithms/rsky, rsky-ingester and rsky-indexer, October
 * 2025): a field `event` in `firehose_live`, `repo` in `repo_backfill`, `labels` in `label_live`.
 * rsky's ingester writes statuses and bytes in its own way ("Takendown", arrays of numbers, links
 * as bare strings). We write them as on the wire: `takendown`, `{ $bytes }`, `{ $link }`; and we
 * read both.
 */
export const rsky: EntryFormat = {
  encode(event, host) {
    if (!isObject(event))
      throw new TypeError('an entry in the format of rsky holds an event, a repo or a label')
    // Nearly all events, recognised by one member.
    if (typeof event.kind === 'string') return ['event', JSON.stringify(encodeEvent(event))]
    if (isLabel(event)) return ['labels', JSON.stringify(encodeLabel(event))]
    if (isRepo(event)) return ['repo', JSON.stringify(encodeRepo(event, host))]
    return ['event', JSON.stringify(encodeEvent(event))]
  },

  decode(fields) {
    const field = fieldOf(fields, 'event', 'repo', 'labels')
    if (field === undefined) throw missing('`event`, `repo` or `labels`', fields)
    return DECODERS[field[0]](parseObject(...field, LAYOUTS[field[0]]))
  },
}
