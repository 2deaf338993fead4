import { hash } from 'node:crypto'
import { type CidLink, encode } from '@atcute/cbor'
import { CidLinkWrapper } from '@atcute/cid'

/** Bytes and the CID that they hash to. */
export interface Block {
  /** The 36 bytes of a CIDv1. */
  readonly cid: Uint8Array
  readonly data: Uint8Array
}

/** CIDv1, dag-cbor, sha-256, 32 bytes. */
const CID_PREFIX = Buffer.from([0x01, 0x71, 0x12, 0x20])

/** A value as a block. */
export function blockOf(value: object): Block {
  const data = encode(value)
  return { cid: Buffer.concat([CID_PREFIX, hash('sha256', data, 'buffer')]), data }
}

export const linkTo = ({ cid }: Block): CidLink => new CidLinkWrapper(cid)

/** A CARv1 file with one root (https://ipld.io/specs/transport/car/carv1). */
export function carOf(root: Block, blocks: readonly Block[]): Uint8Array {
  const header = encode({ roots: [linkTo(root)], version: 1 })
  const sections = blocks.flatMap(({ cid, data }) => [varint(cid.length + data.length), cid, data])
  return Buffer.concat([varint(header.length), header, ...sections])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let left = value; ; left >>>= 7) {
    if (left < 0x80) return Uint8Array.of(...bytes, left)
    bytes.push((left & 0x7f) | 0x80)
  }
}
