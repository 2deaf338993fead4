import type { Layout } from '../internal/bounded-json.js'
import type { EntryFormat } from './entry-format.js'
import { fieldOf, missing, parseObject } from './fields.js'

// A label or a repo is the whole of its entry; of other events, the members are the content.
const LAYOUT: Layout = {
  wrapper: 'commit',
  isContent: (root) => !('kind' in root || 'type' in root),
}

/** One field `event`: our event as JSON, whatever its source. */
export const json: EntryFormat = {
  encode: (event) => ['event', jsonOf(event)],

  decode(fields) {
    const field = fieldOf(fields, 'event')
    if (field === undefined) throw missing('`event`', fields)
    return [parseObject(...field, LAYOUT)]
  },
}

/**
 * The one place where an event becomes text: what keeps its text as it came can be passed on from
 * here without being read.
 */
const jsonOf = (event: unknown): string => JSON.stringify(event)
