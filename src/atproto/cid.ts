import type { CidLinkWrapper } from '@atcute/cbor'
import { type Cid, toString as toText } from '@atcute/cid'
import { sha256 } from '#sha256'

// Version 1, a codec, SHA-256, 32 bytes. Only the codec differs among the CIDs of atproto.
const HEAD_BYTES = 4

/** Whether `cid` is the CID of `block`. */
export function isCidOf(cid: Uint8Array, block: Uint8Array): boolean {
  const hash = sha256(block)
  for (let i = 0; i < hash.length; i += 1) if (hash[i] !== cid[HEAD_BYTES + i]) return false
  return cid.length === HEAD_BYTES + hash.length
}

/** The text of a link. The link's own `$link` caches it, which costs more than making it. */
export const linkText = (link: CidLinkWrapper): string =>
  toText(link as unknown as Pick<Cid, 'bytes'> as Cid)
