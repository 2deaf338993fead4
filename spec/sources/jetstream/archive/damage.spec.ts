import { plainInflater } from '#zstd'
import { Block } from '../../../../src/sources/jetstream/archive/block.js'
import { Damaged } from '../../../../src/sources/jetstream/archive/damaged.js'
import { readHeader, SegmentFrames } from '../../../../src/sources/jetstream/archive/segment.js'
import { nodePlainInflater } from '../../../../src/zstd/decoders/node-decoders.js'
import { bytesOf } from '../../../helpers/recordings.js'
import { blocksOf, framesIn } from './read-segment.js'

const FILE = bytesOf('archive/small/a/seg_000000000a.jss')
const [, FRAME = new Uint8Array()] = framesIn(FILE)
const MOST = 2 ** 24

/** Every so many bits of a frame, one flipped. */
const flipped = (frame: Uint8Array, count: number): readonly Uint8Array[] =>
  Array.from({ length: count }, (_, index) => {
    const bytes = Uint8Array.from(frame)
    const bit = Math.floor((index * bytes.length * 8) / count) + (index % 8)
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return bytes
  })

const failsToInflate = async (frame: Uint8Array): Promise<boolean> => {
  const inflater = await plainInflater()
  try {
    await inflater.inflate(frame, MOST)
    return false
  } catch (error) {
    return (error as { code?: string }).code === 'FRAME'
  }
}

describe('a frame of the archive', () => {
  it('is refused with any bit flipped', async () => {
    const outcomes = await Promise.all(flipped(FRAME, 200).map(failsToInflate))
    expect(outcomes.filter((failed) => !failed)).toEqual([])
  })

  it('is read after one that was refused', async () => {
    const { inflate } = await plainInflater()
    const whole = Buffer.from(await inflate(FRAME, MOST))
    await failsToInflate(flipped(FRAME, 3)[1] ?? FRAME)
    expect(Buffer.from(await inflate(FRAME, MOST)).equals(whole)).toBe(true)
  })

  it('is refused when it is cut, when bytes follow it, and without a checksum', async () => {
    const withoutChecksum = Uint8Array.from(FRAME.subarray(0, -4))
    withoutChecksum[4] = (withoutChecksum[4] ?? 0) & ~0b100
    for (const frame of [
      FRAME.subarray(0, -1),
      FRAME.subarray(0, FRAME.length >> 1),
      Uint8Array.from([...FRAME, 0]),
      withoutChecksum,
    ])
      expect(await failsToInflate(frame)).toBe(true)
  })

  it('is refused where its content is larger than it may be', async () => {
    const { inflate } = await plainInflater()
    expect(() => inflate(FRAME, 1000)).toThrow('is larger than')
  })

  it('is inflated off the main thread where Node can do that', async () => {
    const asked: number[] = []
    const inflater = await nodePlainInflater({
      zstdDecompress(_, { maxOutputLength }, done) {
        asked.push(maxOutputLength)
        setImmediate(() => done(null, Uint8Array.of(7)))
      },
    })
    expect(inflater.name).toBe('zlib')
    expect(await inflater.inflate(FRAME, MOST)).toEqual(Uint8Array.of(7))
    const { inflate } = await plainInflater()
    expect(asked).toEqual([(await inflate(FRAME, MOST)).length])
  })
})

describe('a block of the archive', () => {
  const block = async (): Promise<Uint8Array> => (await blocksOf(FILE))[1] ?? new Uint8Array()

  it('is refused when its columns do not fill it', async () => {
    const bytes = await block()
    for (const damaged of [
      bytes.subarray(0, -1),
      Uint8Array.from([...bytes, 0]),
      bytes.subarray(0, 3),
      Uint8Array.from([255, 255, 255, 255]),
    ])
      expect(() => new Block(damaged, 0, MOST)).toThrow(Damaged)
  })

  it('is refused when a seq does not rise, or is outside the range of the plan', async () => {
    const bytes = await block()
    const first = Buffer.from(bytes).readUInt32LE(4)
    const { rows, lastSeq } = new Block(bytes, first - 1, MOST)
    expect(rows).toBe(128)
    expect(() => new Block(bytes, first, MOST)).toThrow(`has seq ${first} where`)
    expect(() => new Block(bytes, first - 1, lastSeq - 1)).toThrow(`has seq ${lastSeq} where`)
    const twice = Buffer.from(bytes)
    twice.writeUInt32LE(first, 12)
    expect(() => new Block(twice, 0, MOST)).toThrow(Damaged)
  })

  it('may have no row', () => {
    const empty = new Block(new Uint8Array(4), 0, 0)
    expect([empty.rows, empty.next()]).toEqual([0, false])
  })
})

describe('a segment of the archive', () => {
  it('has a header with its checksum and its counts', () => {
    const { checksum, blocks, events } = readHeader(FILE)
    expect({ checksum, blocks, events }).toEqual({
      checksum: '56706253d10fdf71',
      blocks: 5,
      events: 640,
    })
  })

  it('is refused without its mark, with another version, and before it is sealed', () => {
    for (const [at, value] of [
      [0, 0x4a],
      [12, 2],
    ] as const) {
      const bytes = Uint8Array.from(FILE)
      bytes[at] = value
      expect(() => readHeader(bytes)).toThrow(Damaged)
    }
    expect(() => readHeader(Uint8Array.from(FILE).fill(0, 4, 12))).toThrow('not sealed')
    expect(() => readHeader(FILE.subarray(0, 100))).toThrow('has 100 bytes')
  })

  it('is read in pieces of any size', () => {
    const { blocksEnd } = readHeader(FILE)
    const whole = framesIn(FILE).map((frame) => Buffer.from(frame))
    for (const size of [1000, 4096, 50_000]) {
      const frames = new SegmentFrames()
      const found: Buffer[] = []
      let left = blocksEnd - 256
      for (let at = 256; at < blocksEnd; at += size) {
        frames.add(FILE.subarray(at, Math.min(at + size, blocksEnd)))
        for (let frame = frames.takeFrame(left); frame; frame = frames.takeFrame(left)) {
          found.push(Buffer.from(frame))
          left -= frame.length + 8
        }
      }
      expect(found).toEqual(whole)
      expect(left).toBe(0)
    }
  })

  it('is refused where a block is longer than what is left', () => {
    const frames = new SegmentFrames()
    frames.add(FILE.subarray(256))
    expect(() => frames.takeFrame(100)).toThrow(Damaged)
  })
})
