/**
 * The bounds on content that strangers write: a record, an identity, an account, a label, a repo of
 * a listing. Every source applies them before it builds a value, so that no code that walks one can
 * overflow the stack. They count the JSON form, in which a link or bytes are an object of one
 * member, so that content is within the bounds on every wire or on none.
 */

/** The most levels of objects and arrays, the content itself included. Real records have a few. */
export const MAX_DEPTH = 64

/**
 * The most members and items, at all levels together. An empty object takes some 56 bytes of memory
 * for three characters of JSON, so without a bound 5 MB of JSON become 215 MB.
 */
export const MAX_MEMBERS = 131_072

/** A shorter text is within the bound: each member takes two characters, with its separator. */
export const MAX_UNCOUNTED_CHARACTERS = 2 * MAX_MEMBERS

/** Content is beyond the bounds. The message completes "the record is …". */
export class BoundsError extends Error {}

export const TOO_DEEP = `more than ${MAX_DEPTH} levels deep`
export const TOO_MANY = `more than ${MAX_MEMBERS.toLocaleString('en')} members and items in all`
