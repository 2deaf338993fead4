/**
 * How an event is written to an entry of a stream: `'json'` as it is, `'rsky'` as the programs of
 * rsky write and read it.
 */
export type EntryFormatName = 'json' | 'rsky'

/** The fields of an entry as Redis takes them: a name, its value, the next name, and so on. */
export type FlatFields = readonly string[]

/** What is written as an entry: one field. */
export type EntryField = readonly [name: string, value: string]

/** Encodes events as the field of an entry, and decodes the fields. */
export interface EntryFormat {
  /** `host`: the host of the event, as its source names it. */
  encode(event: unknown, host?: string): EntryField
  /** Most entries hold one event. Throws {@link FrameError} on fields that it cannot read. */
  decode(fields: FlatFields): readonly unknown[]
}
