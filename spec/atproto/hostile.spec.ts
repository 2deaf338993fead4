import { encode } from '@atcute/cbor'
import { decodeWhole } from '../../src/atproto/cbor.js'
import { readFrame } from '../../src/atproto/frame.js'
import { toJson } from '../../src/atproto/json.js'
import { FrameError } from '../../src/errors.js'

const bytes = (hex: string): Uint8Array =>
  Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const nested = (head: number, depth: number): Uint8Array =>
  new Uint8Array(depth + 1).fill(head, 0, depth)
const nestedMaps = (depth: number): Uint8Array => bytes(`${'a16161'.repeat(depth)}00`)

/** What a server may send to hurt its readers, by what is wrong with it. */
const HOSTILE: readonly (readonly [what: string, item: Uint8Array])[] = [
  ['arrays 100,000 deep', nested(0x81, 100_000)],
  ['arrays 1,000,000 deep', nested(0x81, 1_000_000)],
  ['maps 100,000 deep', nestedMaps(100_000)],
  ['an array of 2^32 items', bytes('9a ffffffff')],
  ['an array of 2^53 items', bytes('9b 001fffffffffffff')],
  ['a map of 2^32 members', bytes('ba ffffffff')],
  ['a text of 2^53 bytes', bytes('7b 001fffffffffffff')],
  ['bytes of 2^32', bytes('5a ffffffff')],
  ['an array without an end', bytes('9f 00 ff')],
  ['a map without an end', bytes('bf 6161 00 ff')],
  ['a text in pieces', bytes('7f 6161 ff')],
  ['NaN', bytes('fb 7ff8000000000000')],
  ['infinity', bytes('fb 7ff0000000000000')],
  ['half a float', bytes('f9 3e00')],
  ['a link that is no CID', bytes('d82a 43 000102')],
  ['a tag that nobody knows', bytes('d8 20 6161')],
  ['a tag on a tag on a tag', bytes(`${'c6'.repeat(100_000)}00`)],
  ['keys that are not sorted', bytes('a2 6162 01 6161 00')],
  ['a key that stands twice', bytes('a2 6161 00 6161 01')],
  ['a number for a key', bytes('a1 00 00')],
  ['a whole number beyond 2^53', bytes('1b ffffffffffffffff')],
  ['text that is no UTF-8', bytes('62 c328')],
  ['undefined', bytes('f7')],
  ['a break and nothing to break', bytes('ff')],
  ['a length in more bytes than it needs', bytes('7900 0161')],
  ['nothing', new Uint8Array()],
]

describe('a hostile item', () => {
  it.each(HOSTILE)('of %s is refused by an error that is caught', (_, item) => {
    expect(() => decodeWhole(item)).toThrow(Error)
  })

  it.each(HOSTILE)('of %s makes its frame a reject, and nothing else', (_, item) => {
    const header = encode({ op: 1, t: '#commit' })
    // A body whose only member is the item, and one that is it.
    for (const body of [item, Uint8Array.of(0xa1, 0x61, 0x61, ...item.subarray(0, 2000))]) {
      expect(() => readFrame(Buffer.concat([header, body]))).toThrow(FrameError)
    }
    expect(() => readFrame(Buffer.concat([item, encode({})]))).toThrow(FrameError)
  })

  it('costs no more memory than its bytes, however deep', () => {
    const deep = nested(0x81, 5_000_000)
    const before = process.memoryUsage().heapUsed
    expect(() => decodeWhole(deep)).toThrow(/64 levels deep/)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(8_000_000)
  })

  it('named __proto__ is a member like any other', () => {
    const item = bytes(`a1 69 5f5f70726f746f5f5f a1 6161 d82a 5825 00 0171 1220${'00'.repeat(32)}`)
    const json = toJson(decodeWhole(item)) as { a?: unknown }
    expect(json.a).toBeUndefined()
    expect(({} as { a?: unknown }).a).toBeUndefined()
    expect(Object.getPrototypeOf(json)).toBe(Object.prototype)
    expect(Object.keys(json)).toEqual(['__proto__'])
    expect(JSON.stringify(json)).toMatch(
      /^\{"__proto__":\{"a":\{"\$link":"bafyrei[a-z2-7]+"\}\}\}$/,
    )
  })

  it('that looks like a link or like bytes is plain JSON, as it was written', () => {
    // { "$link": 5, "$bytes": [1] }
    expect(toJson(decodeWhole(bytes('a2 65 246c696e6b 05 66 246279746573 81 01')))).toStrictEqual({
      $link: 5,
      $bytes: [1],
    })
    // { "constructor": 1 }
    expect(toJson(decodeWhole(bytes('a1 6b 636f6e7374727563746f72 01')))).toEqual({
      constructor: 1,
    })
    expect(toJson(decodeWhole(encode({ toJSON: 'text', length: -1 })))).toStrictEqual({
      toJSON: 'text',
      length: -1,
    })
  })
})
