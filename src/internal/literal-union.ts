/** A string type: editors suggest the known values, and other values are accepted. */
export type LiteralUnion<Known extends string> = Known | (string & {})
