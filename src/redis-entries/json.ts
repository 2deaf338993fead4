import type { Layout } from '../internal/bounded-json.js'
import { jsonOf } from '../internal/raw-json.js'
import type { EntryFormat } from './entry-format.js'
import { fieldOf, missing, parseObject } from './fields.js'

// For the bounds, a label or repo is content as a whole; of other events, each member is.
const LAYOUT: Layout = {
  wrapper: 'commit',
  isContent: (root) => !('kind' in root || 'type' in root),
}

/** One field `event`: the event as JSON, whatever its source. */
export const json: EntryFormat = {
  encode: (event) => ['event', jsonOf(event)],

  decode(fields) {
    const field = fieldOf(fields, 'event')
    if (field === undefined) throw missing('`event`', fields)
    return [parseObject(...field, LAYOUT)]
  },
}
