import { Buffer } from 'node:buffer'

/** A record as large as a frame allows, in both encodings. */
export interface Shape {
  readonly json: string
  readonly cbor: Uint8Array
}

// With its envelope, a message stays below `maxFrameBytes`, and a commit's blocks below 2,000,000.
const JSON_BYTES = 5_000_000
const CBOR_BYTES = 1_900_000
// What the library lets through, to the last member.
const MAX_MEMBERS = 131_072

export const SHAPES: Readonly<Record<string, () => Shape>> = {
  'lists in lists': () => ({
    json: `{"a":${nested(JSON_BYTES / 2)}}`,
    cbor: Buffer.concat([
      Buffer.from('a16161', 'hex'),
      Buffer.alloc(CBOR_BYTES, 0x81),
      Buffer.of(0),
    ]),
  }),
  'empty objects': () => many(JSON_BYTES / 3, CBOR_BYTES, '{}', 0xa0),
  'empty lists': () => many(JSON_BYTES / 3, CBOR_BYTES, '[]', 0x80),
  numbers: () => many(JSON_BYTES / 2, CBOR_BYTES, '0', 0),
  keys: () => ({ json: keysAsJson(JSON_BYTES / 13), cbor: keysAsCbor(CBOR_BYTES / 10) }),
  'as many empty objects as may be': () => many(MAX_MEMBERS - 1, MAX_MEMBERS - 1, '{}', 0xa0),
  'as many keys as may be': () => ({
    json: keysAsJson(MAX_MEMBERS),
    cbor: keysAsCbor(MAX_MEMBERS),
  }),
}

/** A record like any other. */
export const GOOD: Shape = {
  json: '{"text":"good"}',
  cbor: Buffer.from('a1647465787464676f6f64', 'hex'),
}

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

function many(inJson: number, inCbor: number, json: string, byte: number): Shape {
  const list = Buffer.alloc(8 + inCbor, byte)
  list.write('a161619a', 'hex')
  list.writeUInt32BE(inCbor, 4)
  return { json: `{"a":[${`${json},`.repeat(inJson - 1)}${json}]}`, cbor: list }
}

const nameOf = (index: number): string => index.toString(36).padStart(8, '0')

const keysAsJson = (count: number): string =>
  `{${Array.from({ length: count }, (_, index) => `"${nameOf(index)}":0`).join()}}`

function keysAsCbor(count: number): Uint8Array {
  const map = Buffer.alloc(5 + count * 10)
  map[0] = 0xba
  map.writeUInt32BE(Math.floor(count), 1)
  for (let index = 0; index < Math.floor(count); index += 1) {
    map[5 + index * 10] = 0x68
    map.write(nameOf(index), 6 + index * 10)
  }
  return map.subarray(0, 5 + Math.floor(count) * 10)
}
