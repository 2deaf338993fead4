import { createHash } from 'node:crypto'
import { CidLinkWrapper, encode, toBytes } from '@atcute/cbor'
import { carOf, commitFrame } from '../sources/firehose/frames.js'

/** A record that a stranger wrote, in both encodings. */
export interface HostileRecord {
  readonly json: string
  readonly cbor: Uint8Array
}

const head = (type: number, count: number): Uint8Array => {
  if (count < 24) return Uint8Array.of((type << 5) | count)
  const bytes = Buffer.alloc(5)
  bytes[0] = (type << 5) | 26
  bytes.writeUInt32BE(count, 1)
  // The shortest form is the only one.
  if (count < 256) return Uint8Array.of((type << 5) | 24, count)
  return count < 65_536 ? Uint8Array.of((type << 5) | 25, count >> 8, count & 255) : bytes
}

const inA = (cbor: Uint8Array): Uint8Array => Buffer.concat([Buffer.from('a16161', 'hex'), cbor])

/** An object, and arrays in it: `depth` levels in all. */
export const deep = (depth: number): HostileRecord => ({
  json: `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`,
  cbor: inA(Buffer.concat([Buffer.alloc(depth - 2, 0x81), Uint8Array.of(0x80)])),
})

/** An object of one list of `count` values. */
export const wide = (count: number, json: string, cbor: Uint8Array): HostileRecord => ({
  json: `{"a":[${Array.from({ length: count }, () => json).join()}]}`,
  cbor: inA(Buffer.concat([head(4, count), ...Array.from({ length: count }, () => cbor)])),
})

export const emptyMaps = (count: number): HostileRecord => wide(count, '{}', Uint8Array.of(0xa0))
export const emptyLists = (count: number): HostileRecord => wide(count, '[]', Uint8Array.of(0x80))
export const zeros = (count: number): HostileRecord => wide(count, '0', Uint8Array.of(0))

/** An object of so many members. */
export function keys(count: number): HostileRecord {
  const names = Array.from({ length: count }, (_, index) => `k${String(index).padStart(7, '0')}`)
  return {
    json: `{${names.map((name) => `"${name}":0`).join()}}`,
    cbor: Buffer.concat([
      head(5, count),
      ...names.flatMap((name) => [head(3, name.length), Buffer.from(name), Uint8Array.of(0)]),
    ]),
  }
}

/** A link at this level of the record: in JSON it is an object, and so a level of its own. */
export function linkAt(level: number): HostileRecord {
  const link = new CidLinkWrapper(
    Buffer.concat([Uint8Array.of(1, 0x71, 0x12, 32), Buffer.alloc(32)]),
  )
  const arrays = level - 2
  return {
    json: `{"a":${'['.repeat(arrays)}{"$link":"${link.$link}"}${']'.repeat(arrays)}}`,
    cbor: inA(Buffer.concat([Buffer.alloc(arrays, 0x81), encode(link)])),
  }
}

const DID = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const TIME_US = 1_767_225_600_000_000
const timeOf = (seq: number): string =>
  new Date(TIME_US / 1000 + seq).toISOString().replace('Z', '000Z')
const CID = 'bafyreidblutgvj75o4q4akzyyejedjj6l3it6hgqwee6jpwv2wqph5fsgm'

/** Events of a number, as each server writes them. */
export const FRAMES = {
  v1: (seq: number, { json }: HostileRecord): string =>
    `{"did":"${DID}","time_us":${TIME_US + seq * 1000},"kind":"commit",` +
    `"commit":{"rev":"3l${seq}","operation":"create",` +
    `"collection":"com.example.odd","rkey":"${seq}","record":${json},"cid":"${CID}"}}`,
  v2: (seq: number, { json }: HostileRecord): string =>
    '{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit",' +
    `"cid":"${CID}",` +
    `"collection":"com.example.odd","did":"${DID}","operation":"create","record":${json},` +
    `"rev":"3l${seq}","rkey":"${seq}",` +
    `"seq":${24_000_000_000 + seq},"time":"${timeOf(seq)}"}}`,
  tap: (seq: number, { json }: HostileRecord): string =>
    `{"id":${seq},"type":"record","record":{"live":true,"did":"${DID}","rev":"3l${seq}",` +
    '"collection":"com.example.odd",' +
    `"rkey":"${seq}","action":"create","record":${json},"cid":"${CID}"}}`,
  firehose: (seq: number, { cbor }: HostileRecord): Uint8Array => {
    const hash = createHash('sha256').update(cbor).digest()
    const link = new CidLinkWrapper(Buffer.concat([Uint8Array.of(1, 0x71, 0x12, 32), hash]))
    const root = encode({})
    const rootLink = new CidLinkWrapper(
      Buffer.concat([Uint8Array.of(1, 0x71, 0x12, 32), createHash('sha256').update(root).digest()]),
    )
    return commitFrame(seq, [], {
      commit: rootLink,
      ops: [{ action: 'create', path: `com.example.odd/${seq}`, cid: link }],
      blocks: toBytes(
        carOf(rootLink, [
          [rootLink, root],
          [link, cbor],
        ]),
      ),
    })
  },
}

export const GOOD: HostileRecord = { json: '{"text":"good"}', cbor: encode({ text: 'good' }) }

/** What one account can write to end every pipeline that is not prepared for it. */
export const HOSTILE: readonly (readonly [what: string, record: HostileRecord])[] = [
  ['65 levels', deep(65)],
  ['4,500 levels', deep(4500)],
  ['100,000 levels', deep(100_000)],
  ['200,000 empty objects', emptyMaps(200_000)],
  ['200,000 empty lists', emptyLists(200_000)],
  ['150,000 keys', keys(150_000)],
]
