/** A string whose known values an editor offers, and whose unknown ones are no error. */
export type LiteralUnion<Known extends string> = Known | (string & {})
