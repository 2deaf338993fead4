import { BytesWrapper, CidLinkWrapper } from '@atcute/cbor'
import { linkText } from './cid.js'

/**
 * Turns what was decoded into atproto JSON, in place: links are `{ $link }` and bytes `{ $bytes }`,
 * plain objects as `JSON.parse` would make them (the decoder's wrappers compute theirs, which
 * neither a structured clone nor a deep comparison sees). The decoder bounds the depth, hence the
 * recursion.
 */
export function toJson(item: unknown): unknown {
  if (typeof item !== 'object' || item === null) return item
  if (item instanceof CidLinkWrapper) return { $link: linkText(item) }
  if (item instanceof BytesWrapper) return { $bytes: item.$bytes }
  const members = item as Record<string, unknown>
  // Also right for `__proto__`: the decoder has made it a property of the object's own, and so this
  // is no prototype.
  for (const key of Object.keys(members)) {
    const member = members[key]
    if (typeof member === 'object' && member !== null) members[key] = toJson(member)
  }
  return item
}
