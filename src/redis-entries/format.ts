import { RecordError } from '../errors.js'
import type { EntryFormat, EntryFormatName } from './entry-format.js'
import { isObject } from './fields.js'
import { json } from './json.js'
import { rsky } from './rsky/rsky.js'

const FORMATS: Readonly<Record<EntryFormatName, EntryFormat>> = {
  json: withoutUnreadableRecord(json),
  rsky: withoutUnreadableRecord(rsky),
}

export const formatOf = (name: EntryFormatName): EntryFormat => FORMATS[name]

/**
 * A record that cannot be decoded stays behind, and must not keep its event behind with it: the
 * event says so, in the firehose's own word.
 */
function withoutUnreadableRecord(format: EntryFormat): EntryFormat {
  return {
    decode: format.decode,
    encode(event, host) {
      try {
        return format.encode(event, host)
      } catch (error) {
        if (!(error instanceof RecordError)) throw error
        return format.encode(withoutRecord(event), host)
      }
    },
  }
}

function withoutRecord(event: unknown): unknown {
  if (!isObject(event) || !isObject(event.commit)) return event
  const { commit } = event
  // Not by a spread, which would read the record.
  const rest = Object.keys(commit).flatMap((name) =>
    name === 'record' ? [] : [[name, commit[name]] as const],
  )
  return { ...event, commit: { ...Object.fromEntries(rest), problem: 'record-unreadable' } }
}
