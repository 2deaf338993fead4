import { encode } from '@atcute/cbor'
import { decodeWhole } from '../../src/atproto/cbor.js'
import { isCidOf } from '../../src/atproto/cid.js'
import { toJson } from '../../src/atproto/json.js'
import { describeWith, jsonOf } from '../helpers/recordings.js'

interface Vector {
  readonly type: 'roundtrip' | 'invalid_in' | 'invalid_out'
  readonly data: string
  readonly name: string
}

const GROUPS = [
  'cid',
  'floats',
  'indefinite',
  'integer_range',
  'map_keys',
  'short_form',
  'simple',
  'tags',
  'utf8',
]
// The rule of docs/firehose.md: a whole number that JavaScript cannot hold is refused, and never
// rounded.
const BEYOND = ['2^53+1, unrepresentable in JS', '-(2^53+1), unrepresentable in JS']

const DASL = GROUPS.map((group) => `interop/dasl-cbor/${group}.json`)
const DATA_MODEL = [
  'interop/data-model/data-model-fixtures.json',
  'interop/data-model/data-model-valid.json',
] as const
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

describeWith([...DASL, ...DATA_MODEL], 'the vectors that others published', () => {
  describe('the vectors of DASL', () => {
    const vectors = DASL.flatMap((file) => jsonOf<readonly Vector[]>(file))

    it('that are valid are decoded, but for numbers that JavaScript cannot hold', () => {
      const valid = vectors.filter(({ type }) => type === 'roundtrip')
      expect(valid.length).toBeGreaterThan(15)
      for (const { data, name } of valid) {
        if (BEYOND.includes(name)) expect(() => decodeWhole(bytesOf(data))).toThrow(/safe integer/)
        else expect(() => decodeWhole(bytesOf(data))).not.toThrow()
      }
    })

    it('that are invalid are refused, every one', () => {
      const invalid = vectors.filter(({ type }) => type === 'invalid_in')
      expect(invalid.length).toBeGreaterThan(50)
      const taken = invalid.filter(({ data }) => {
        try {
          decodeWhole(bytesOf(data))
          return true
        } catch {
          return false
        }
      })
      expect(taken).toEqual([])
    })
  })

  describe('the vectors of the data model', () => {
    const fixtures = jsonOf<
      readonly { readonly json: unknown; readonly cbor_base64: string; readonly cid: string }[]
    >(DATA_MODEL[0])
    const valid = jsonOf<readonly { readonly json: unknown; readonly note: string }[]>(
      DATA_MODEL[1],
    )

    it('are JSON as the data model has it, with links and bytes as plain objects', () => {
      expect(fixtures.length).toBeGreaterThan(2)
      for (const { json, cbor_base64 } of fixtures) {
        const decoded = toJson(decodeWhole(Uint8Array.from(Buffer.from(cbor_base64, 'base64'))))
        expect(decoded).toStrictEqual(json)
        expect(structuredClone(decoded)).toStrictEqual(json)
      }
    })

    it('have the hash of their CID, and no other', () => {
      for (const { cbor_base64, cid } of fixtures) {
        const block = Uint8Array.from(Buffer.from(cbor_base64, 'base64'))
        const link = (
          decodeWhole(encode({ link: { $link: cid } })) as { link: { bytes: Uint8Array } }
        ).link
        expect(isCidOf(link.bytes, block)).toBe(true)
        expect(isCidOf(link.bytes, Uint8Array.of(...block, 0))).toBe(false)
      }
    })

    it('that are valid come back as they were', () => {
      expect(valid.length).toBeGreaterThan(3)
      for (const { json } of valid) expect(toJson(decodeWhole(encode(json)))).toStrictEqual(json)
    })

    it('forbid floats, which pass all the same: a record is shown as it is', () => {
      expect(toJson(decodeWhole(encode({ a: 123.456 })))).toStrictEqual({ a: 123.456 })
    })
  })
})
