import { plainInflater } from '#zstd'
import { recordChecker } from '../../../../src/atproto/records.js'
import type { JetstreamEvent } from '../../../../src/events.js'
import { Block } from '../../../../src/sources/jetstream/archive/block.js'
import { RowReader } from '../../../../src/sources/jetstream/archive/rows.js'
import {
  HEADER_BYTES,
  readHeader,
  SegmentFrames,
} from '../../../../src/sources/jetstream/archive/segment.js'
import { eager } from '../../../../src/sources/jetstream/decoding.js'
import { v2 } from '../../../../src/sources/jetstream/v2.js'

/** The inflated blocks of a segment file. */
export async function blocksOf(file: Uint8Array): Promise<readonly Uint8Array[]> {
  const { inflate } = await plainInflater()
  const blocks: Uint8Array[] = []
  for (const frame of framesIn(file)) blocks.push(await inflate(frame, 2 ** 24))
  return blocks
}

/** The frames of a segment file. */
export function framesIn(file: Uint8Array): readonly Uint8Array[] {
  const { blocksEnd } = readHeader(file)
  const frames = new SegmentFrames()
  frames.add(file.subarray(HEADER_BYTES, blocksEnd))
  const all: Uint8Array[] = []
  for (let left = blocksEnd - HEADER_BYTES; left > 0; ) {
    const frame = frames.takeFrame(left)
    if (frame === undefined) throw new Error('the file ends in a block')
    all.push(frame)
    left -= frame.length + 8
  }
  return all
}

/** The events of one block. */
export function eventsOf(bytes: Uint8Array): readonly JetstreamEvent[] {
  const rows = new RowReader({}, recordChecker())
  const block = new Block(bytes, 0, Number.MAX_SAFE_INTEGER)
  const events: JetstreamEvent[] = []
  while (block.next()) events.push(rows.read(block, block.bytes, block.payload))
  return events
}

/** What the socket makes of its own frames. */
export function eventsOfFrames(lines: readonly string[]): readonly JetstreamEvent[] {
  const protocol = v2(
    'ws://127.0.0.1/',
    {},
    {
      maxFrameBytes: 2 ** 24,
      compression: { status: { name: 'none' } },
      decoding: eager(recordChecker()),
    },
  )
  return lines.map((line) => protocol.decode(line) as JetstreamEvent)
}
