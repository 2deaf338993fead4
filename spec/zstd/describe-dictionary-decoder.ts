import fc from 'fast-check'
import { FrameError } from '../../src/errors.js'
import { generateEvents } from '../../src/testing/index.js'
import type { DictionaryDecoder } from '../../src/zstd/decoders/dictionary-decoder.js'
import { framesOf, linesOf } from '../helpers/recordings.js'
import { runs } from '../helpers/thick.js'
import {
  bomb,
  craft,
  dictionaryOf,
  encoder,
  MAX_BLOCK_BYTES,
  ONE,
  TWO,
  withoutContentSize,
} from './frames.js'

const MAX_BYTES = 5 * 2 ** 20
const MEBIBYTE = 2 ** 20
// XXH64 of "abc", its low half.
const ABC = { blocks: [Buffer.from('abc')], checksum: [0x99, 0x09, 0x77, 0xad] }

const texts = [...generateEvents({ seed: 3, count: 200 })].map((event) => JSON.stringify(event))
const text = texts[5] ?? ''
const PACKED = framesOf('zstd/v1_1111.bin')
const PACKED_TEXTS = linesOf('simulator/v1.ndjson').slice(0, PACKED.length)

/** What every decoder does, whatever is below it. */
export function describeDictionaryDecoder(
  name: string,
  make: (dictionary: Uint8Array) => Promise<DictionaryDecoder>,
): void {
  describe(`the ${name} decoder`, () => {
    let decoder: DictionaryDecoder
    let encode: (text: string) => Uint8Array
    const decode = (frame: Uint8Array, maxBytes = MAX_BYTES) => decoder.decode(frame, maxBytes)
    const good = () => encode(text)
    const refuses = (frame: Uint8Array, message: RegExp, maxBytes = MAX_BYTES) => {
      const attempt = () => decode(frame, maxBytes)
      expect(attempt).toThrow(FrameError)
      expect(attempt).toThrow(message)
      expect(decode(good())).toBe(text)
    }

    beforeAll(async () => {
      decoder = await make(dictionaryOf(ONE))
      encode = await encoder(dictionaryOf(ONE))
    })

    it('reads frames of servers: with a checksum, without a size below 256 bytes', () => {
      expect(PACKED).toHaveLength(120)
      expect(PACKED.map((frame) => decode(frame))).toEqual(PACKED_TEXTS)
    })

    it('refuses such a frame with any one of its bytes changed', () => {
      const frame = PACKED[0] ?? new Uint8Array()
      const refused = frame.map((_, at) => {
        const bad = frame.map((byte, index) => (index === at ? byte ^ 0x10 : byte))
        return outcome(() => decode(bad)) === 'FrameError' ? 1 : 0
      })
      // The window may be another without harm.
      expect(refused.filter((is) => is === 0).length).toBeLessThanOrEqual(1)
      expect(decode(frame)).toBe(PACKED_TEXTS[0])
    })

    it('reads what another encoder made, with and without a content size', () => {
      for (const one of texts) {
        expect(decode(encode(one))).toBe(one)
        expect(decode(withoutContentSize(encode(one)))).toBe(one)
      }
    })

    it('says its name and its dictionary', () => {
      expect(decoder).toMatchObject({
        name: expect.stringMatching(/^(wasm|zlib|napi)$/),
        dictionaryId: ONE,
      })
    })

    it('reads text that is not ASCII, a byte order mark, and nothing at all', () => {
      for (const one of ['héllo 日本 🦋', '\ufeff{}', '']) {
        expect(decode(encode(one))).toBe(one)
        expect(decode(craft({ dictionaryId: ONE, blocks: [Buffer.from(one)] }))).toBe(one)
      }
    })

    it('reads a large frame and then a small one', () => {
      const large = texts.join('\n').repeat(4)
      expect(large.length).toBeGreaterThan(2 * MAX_BLOCK_BYTES)
      expect(decode(encode(large))).toBe(large)
      expect(decode(withoutContentSize(encode(large)))).toBe(large)
      expect(decode(good())).toBe(text)
    })

    it('reads a frame that leaves its dictionary unnamed', () => {
      expect(decode(craft(ABC))).toBe('abc')
    })

    it('refuses a frame of another dictionary, and names both', async () => {
      const other = await encoder(dictionaryOf(TWO))
      refuses(other(text), /needs dictionary 2222, not 1111/)
    })

    it('refuses a frame with another checksum', () => {
      expect(decode(craft({ ...ABC, dictionaryId: ONE }))).toBe('abc')
      refuses(craft({ ...ABC, dictionaryId: ONE, checksum: [0x99, 0x09, 0x77, 0xae] }), /corrupt/)
    })

    it('refuses every shorter piece of a frame', () => {
      const frame = good()
      for (let length = 0; length < frame.length; length += 1)
        expect(() => decode(frame.subarray(0, length))).toThrow(/truncated/)
      refuses(frame.subarray(0, 40), /truncated/)
    })

    it('refuses what comes behind a frame, be it a frame', () => {
      const frame = good()
      refuses(Uint8Array.from([...frame, 0]), /followed by 1 bytes/)
      refuses(
        Uint8Array.from([...frame, ...frame]),
        new RegExp(`followed by ${frame.length} bytes`),
      )
    })

    it('refuses text, skippable frames, reserved bits and blocks, and huge windows', () => {
      refuses(Buffer.from(text), /not zstd/)
      refuses(Uint8Array.from([0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0]), /not zstd/)
      refuses(
        good().map((byte, at) => (at === 4 ? byte | 0b1000 : byte)),
        /reserved bit/,
      )
      refuses(
        Uint8Array.from([...craft({ dictionaryId: ONE, blocks: [] }), 0b111, 0, 0]),
        /no such block/,
      )
      refuses(craft({ ...ABC, window: 0xff }), /window/)
    })

    it('refuses content that is not UTF-8', () => {
      refuses(
        craft({ dictionaryId: ONE, blocks: [Uint8Array.from([0x7b, 0xff, 0x7d])] }),
        /not UTF-8/,
      )
    })

    it('refuses content above the cap, and reads what is just as large as that', () => {
      const bytes = Buffer.byteLength(text)
      expect(decode(good(), bytes)).toBe(text)
      expect(decode(withoutContentSize(good()), bytes)).toBe(text)
      refuses(good(), /larger than `maxFrameBytes`/, bytes - 1)
      refuses(withoutContentSize(good()), /corrupt|larger/, bytes - 1)
    })

    it('refuses content that is not as large as its header says', () => {
      refuses(craft({ dictionaryId: ONE, contentBytes: 4, blocks: ABC.blocks }), /corrupt/)
      refuses(craft({ dictionaryId: ONE, contentBytes: 2, blocks: ABC.blocks }), /corrupt/)
    })

    it.each([
      ['says so', 200 * MEBIBYTE],
      ['says nothing', undefined],
      ['lies', 1000],
    ])('takes no memory for 200 MiB in 6.4 KB that %s', (_, contentBytes) => {
      const frame = bomb(ONE, contentBytes)
      expect(frame.length).toBeLessThan(6500)
      const before = process.memoryUsage()
      refuses(frame, /larger than `maxFrameBytes`/)
      const after = process.memoryUsage()
      expect(after.external - before.external).toBeLessThan(8 * MEBIBYTE)
      expect(after.rss - before.rss).toBeLessThan(64 * MEBIBYTE)
    })

    it('takes no more than the cap for a bomb of compressed blocks', () => {
      const whole = encode('a'.repeat(40 * MEBIBYTE))
      const before = process.memoryUsage()
      refuses(whole, /larger/)
      refuses(withoutContentSize(whole), /larger|corrupt/)
      expect(process.memoryUsage().external - before.external).toBeLessThan(24 * MEBIBYTE)
    })

    it('reads the frames of two dictionaries in turn', async () => {
      const [second, encodeSecond] = [
        await make(dictionaryOf(TWO)),
        await encoder(dictionaryOf(TWO)),
      ]
      for (const one of texts.slice(0, 50)) {
        expect(decode(encode(one))).toBe(one)
        expect(second.decode(encodeSecond(one), MAX_BYTES)).toBe(one)
      }
    })

    it('throws nothing but FrameError whatever comes, and reads the next frame', () => {
      const mutated = fc
        .tuple(
          fc.constantFrom(...texts.slice(0, 20)),
          fc.boolean(),
          fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        )
        .map(([one, isBare, changes]) =>
          change(isBare ? withoutContentSize(encode(one)) : encode(one), changes),
        )
      const random = fc.uint8Array({ maxLength: 300 })
      const framed = random.map((body) =>
        Uint8Array.from([...craft({ dictionaryId: ONE, blocks: [] }), ...compressedBlock(body)]),
      )
      fc.assert(
        fc.property(fc.oneof(mutated, random, framed), (frame) => {
          expect(outcome(() => decode(frame, 1000))).toMatch(/^(string|FrameError)$/)
          expect(decode(good())).toBe(text)
        }),
        { numRuns: runs(150, 400) },
      )
    })

    it('keeps memory flat over many frames', () => {
      const grow = jest.spyOn(WebAssembly.Memory.prototype, 'grow')
      const frame = good()
      for (let n = 0; n < 20_000; n += 1) decode(frame)
      expect(grow).not.toHaveBeenCalled()
      grow.mockRestore()
    })
  })
}

/** What a call gives: the type of its result, or the name of what it throws. */
function outcome(call: () => unknown): string {
  try {
    return typeof call()
  } catch (error) {
    return (error as Error).name
  }
}

function change(frame: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array {
  const changed = frame.slice()
  // The magic stays, else every case is the same.
  for (const [at, byte] of changes) changed[4 + (at % (frame.length - 4))] = byte
  return changed
}

const compressedBlock = (body: Uint8Array): readonly number[] => [
  ((body.length << 3) & 0xff) | 0b101,
  body.length >> 5,
  0,
  ...body,
]
