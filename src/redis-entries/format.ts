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
 * Encodes an event whose record cannot be decoded without it, and with the firehose's own word for
 * that in `problem`.
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
  // A spread would read the record.
  const rest = Object.keys(commit).flatMap((name) =>
    name === 'record' ? [] : [[name, commit[name]] as const],
  )
  return { ...event, commit: { ...Object.fromEntries(rest), problem: 'record-unreadable' } }
}
