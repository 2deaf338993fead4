import { CidLinkWrapper, encode, toBytes } from '@atcute/cbor'
import fc from 'fast-check'
import { decodeWhole } from '../../src/atproto/cbor.js'
import { cborToJson } from '../../src/atproto/cbor-json.js'
import { toJson } from '../../src/atproto/json.js'

const decode = (bytes: Uint8Array): unknown => cborToJson(Buffer.from(bytes), 0, bytes.length)
const bytes = (...list: readonly number[]): Uint8Array => Uint8Array.from(list)

const CID = bytes(1, 0x71, 0x12, 0x20, ...Array.from({ length: 32 }, (_, index) => index))

describe('cborToJson', () => {
  it('gives what decoding and converting give', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array().map((content) => toBytes(content)),
      fc.constant(new CidLinkWrapper(CID)),
    )
    const { item } = fc.letrec((tie) => ({
      item: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('item'), { maxLength: 6 }),
        fc.dictionary(fc.string({ unit: 'binary' }), tie('item'), {
          maxKeys: 8,
          noNullPrototype: true,
        }),
      ),
    }))
    fc.assert(
      fc.property(item, (value) => {
        const encoded = encode(value)
        expect(decode(encoded)).toEqual(toJson(decodeWhole(encoded)))
      }),
      { numRuns: 50 },
    )
  })

  it('puts members in the order of their bytes, as a server writes them', () => {
    const names = ['zz', 'a', '\u{10000}', '\uffff', 'ab', '$type', 'é', '']
    const encoded = encode(Object.fromEntries(names.map((name) => [name, 1])))
    const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(Object.keys(decode(encoded) as object)).toEqual(sorted)
  })

  it('rounds integers beyond 2^53, as JSON.parse does', () => {
    for (const value of [2n ** 53n, 2n ** 53n + 1n, 2n ** 62n + 513n, 2n ** 64n - 1n]) {
      const positive = Buffer.alloc(9, 0x1b)
      positive.writeBigUInt64BE(value, 1)
      expect(decode(positive)).toBe(JSON.parse(String(value)))
      const negative = Buffer.alloc(9, 0x3b)
      negative.writeBigUInt64BE(value, 1)
      expect(decode(negative)).toBe(JSON.parse(String(-1n - value)))
    }
  })

  it('takes floats, which the data model does not have, unless they are not finite', () => {
    const float = Buffer.alloc(9, 0xfb)
    float.writeDoubleBE(1.5, 1)
    expect(decode(float)).toBe(1.5)
    float.writeDoubleBE(Number.NaN, 1)
    expect(() => decode(float)).toThrow('not finite')
  })

  it('makes `__proto__` an own member', () => {
    const value = decode(bytes(0xa1, 0x69, ...Buffer.from('__proto__'), 0xa0))
    expect(Object.keys(value as object)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })

  it('throws for what is cut, followed by more, or no DAG-CBOR', () => {
    const whole = encode({ a: [1, 'text', toBytes(CID), new CidLinkWrapper(CID)] })
    for (let length = 0; length < whole.length; length += 1)
      expect(() => decode(whole.subarray(0, length))).toThrow()
    expect(() => decode(bytes(...whole, 0))).toThrow('1 bytes follow the item')
    for (const wrong of [
      bytes(0xc1, 0x41, 0),
      bytes(0xd8, 0x2a, 0x41, 1),
      bytes(0xf7),
      bytes(0x9f, 0xff),
      bytes(0xa1, 0x01, 0x01),
      bytes(0x9b, 0, 0, 0, 1, 0, 0, 0, 0),
    ])
      expect(() => decode(wrong)).toThrow()
  })

  it('throws for content beyond the bounds, before it is built', () => {
    const nested = (depth: number): Uint8Array =>
      bytes(...Array.from({ length: depth }, () => 0x81), 0x01)
    expect(() => decode(nested(64))).not.toThrow()
    expect(() => decode(nested(65))).toThrow('64 levels')
    const many = Buffer.alloc(5 + 131_073, 0x01)
    many.set([0x9a, 0, 2, 0, 1])
    expect(() => decode(many)).toThrow('131,072')
  })
})
