import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { CidLinkWrapper, encode, toBytes } from '@atcute/cbor'
import type { Shape } from './shapes.js'

const DID = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const CID = 'bafyreidblutgvj75o4q4akzyyejedjj6l3it6hgqwee6jpwv2wqph5fsgm'
const timeOf = (seq: number): string =>
  new Date(1_767_225_600_000 + seq).toISOString().replace('Z', '000Z')

/** Event `seq` with this record, as each server writes it. */
export const FRAMES: Readonly<Record<string, (seq: number, record: Shape) => string | Uint8Array>> =
  {
    v1: (seq, { json }) =>
      `{"did":"${DID}","time_us":${1_767_225_600_000_000 + seq * 1000},"kind":"commit",` +
      `"commit":{"rev":"3l","operation":"create","collection":"a.b.c","rkey":"${seq}",` +
      `"record":${json},"cid":"${CID}"}}`,
    v2: (seq, { json }) =>
      '{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit",' +
      `"cid":"${CID}","collection":"a.b.c","did":"${DID}","operation":"create","record":${json},` +
      `"rev":"3l","rkey":"${seq}","seq":${24_000_000_000 + seq},"time":"${timeOf(seq)}"}}`,
    tap: (seq, { json }) =>
      `{"id":${seq},"type":"record","record":{"live":true,"did":"${DID}","rev":"3l",` +
      `"collection":"a.b.c","rkey":"${seq}","action":"create","record":${json},"cid":"${CID}"}}`,
    firehose: commitFrame,
    labels: (seq, { cbor }) => {
      const label = encode({ cts: timeOf(seq), src: DID, uri: DID, val: String(seq) })
      const head = Buffer.concat([
        encode({ op: 1, t: '#labels' }),
        Buffer.from('a263736571', 'hex'),
        encode(seq),
      ])
      return Buffer.concat([
        head,
        Buffer.from('666c6162656c73', 'hex'),
        Buffer.of(0x82),
        label,
        cbor,
      ])
    },
  }

function commitFrame(seq: number, { cbor }: Shape): Uint8Array {
  const root = encode({})
  const blocks = Buffer.concat([header(root), block(root), block(cbor)])
  const body = {
    seq,
    repo: DID,
    rev: '3l',
    since: null,
    time: timeOf(seq),
    commit: linkTo(root),
    blocks: toBytes(blocks),
    ops: [{ action: 'create', path: `a.b.c/${seq}`, cid: linkTo(cbor) }],
    blobs: [],
    rebase: false,
    tooBig: false,
  }
  return Buffer.concat([encode({ op: 1, t: '#commit' }), encode(body)])
}

const cidOf = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from('01711220', 'hex'), createHash('sha256').update(bytes).digest()])
const linkTo = (bytes: Uint8Array): CidLinkWrapper => new CidLinkWrapper(cidOf(bytes))
const header = (root: Uint8Array): Uint8Array => {
  const bytes = encode({ version: 1, roots: [linkTo(root)] })
  return Buffer.concat([varint(bytes.length), bytes])
}
const block = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([varint(36 + bytes.length), cidOf(bytes), bytes])

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left])
    bytes.push((left % 128) | 128)
  }
}
