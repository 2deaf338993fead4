import { BytesWrapper, CidLinkWrapper } from '@atcute/cbor'
import { linkText } from './cid.js'

/**
 * Converts a decoded item to atproto JSON, in place. Links become `{ $link }` and bytes
 * `{ $bytes }`, as plain objects: the decoder's wrappers have getters, which neither a structured
 * clone nor a deep comparison sees. Recursion is safe, since the depth has a bound.
 */
export function toJson(item: unknown): unknown {
  if (typeof item !== 'object' || item === null) return item
  if (item instanceof CidLinkWrapper) return { $link: linkText(item) }
  if (item instanceof BytesWrapper) return { $bytes: item.$bytes }
  const members = item as Record<string, unknown>
  // Right for `__proto__` too: the decoder defines it as an own property, so that assigning to it
  // does not set a prototype.
  for (const key of Object.keys(members)) {
    const member = members[key]
    if (typeof member === 'object' && member !== null) members[key] = toJson(member)
  }
  return item
}
