import { RecordError } from '../errors.js'
import { isObject } from './fields.js'
import { json } from './json.js'
import { rsky } from './rsky/rsky.js'

/**
 * How an event is written to an entry of a stream: `'json'` as it is, `'rsky'` as the programs of
 * rsky write and read it.
 */
export type EntryFormatName = 'json' | 'rsky'

/** The fields of an entry as Redis takes them: a name, its value, the next name, and so on. */
export type FlatFields = readonly string[]

/** How events become the fields of an entry, and the fields events. */
export interface EntryFormat {
  /** `host`: where the event comes from, as its source calls it. */
  encode(event: unknown, host?: string): FlatFields
  /** Most entries hold one event. Throws {@link FrameError} on fields that it cannot read. */
  decode(fields: FlatFields): readonly unknown[]
}

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
