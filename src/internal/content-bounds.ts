/**
 * The bounds on content that strangers write: a record, an identity, an account, a label, a repo of
 * a listing. Every source applies them before it builds anything, so that no code that walks a
 * value can overflow the stack. Counted in the JSON form, in which a link and bytes are an object
 * of one member: content is within the bounds on every wire, or on none.
 */

/** How many levels of objects and arrays, the content itself included. Real records have a few. */
export const MAX_DEPTH = 64

/**
 * How many members and items in all, at any level. An empty object costs some 56 bytes of memory
 * and three characters of JSON: without a bound 5 MB of them are 215 MB.
 */
export const MAX_MEMBERS = 131_072

/** A text of so many characters cannot hold more: each member takes two, its separator included. */
export const MAX_UNCOUNTED_CHARACTERS = 2 * MAX_MEMBERS

/** Content is beyond the bounds. The message completes "the record is …". */
export class BoundsError extends Error {}

export const TOO_DEEP = `more than ${MAX_DEPTH} levels deep`
export const TOO_MANY = `more than ${MAX_MEMBERS.toLocaleString('en')} members and items in all`
