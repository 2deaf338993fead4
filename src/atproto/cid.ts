import type { CidLinkWrapper } from '@atcute/cbor'
import { type Cid, toString as toText } from '@atcute/cid'
import { sha256 } from '#sha256'
import { base32Cid } from './base32.js'

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

// CIDv1, dag-cbor, SHA-256, 32 bytes; the hash follows.
const CID = Uint8Array.from([0x01, 0x71, 0x12, 0x20, ...new Uint8Array(32)])

/** The CID of a record's DAG-CBOR. */
export function cidOfRecord(record: Uint8Array): string {
  CID.set(sha256(record), HEAD_BYTES)
  return base32Cid(CID, 0, CID.length)
}
