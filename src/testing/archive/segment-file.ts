import { xxh3 } from '../../internal/xxh3.js'
import { xxh64 } from './xxh64.js'

/** A row as a segment keeps it. */
export interface ArchiveRow {
  readonly seq: number
  readonly witnessedUs: number
  /** A time that was imported, or 0. */
  readonly indexedUs: number
  /** 1 create, 2 update, 3 delete, 4 identity, 5 account, 6 sync, 7 create by resync. */
  readonly kind: number
  readonly collection: string
  readonly did: string
  readonly rkey: string
  readonly rev: string
  readonly payload: Uint8Array
}

/** A segment as it lies on the disk of a server. */
export interface SegmentFile {
  readonly bytes: Buffer
  /** 16 hex digits: the xxh3 of the header behind it and of the footer. */
  readonly checksum: string
  /** Where the frame of each block is, without its length. */
  readonly frames: readonly { readonly from: number; readonly to: number }[]
}

const HEADER_BYTES = 256
const CHECKSUM_END = 12
const INDEX_BYTES = 52

/** The first and the last seq of each block, when it was sealed. */
export type BlockRanges = readonly (readonly [first: number, last: number])[]

export const rangesOf = (blocks: readonly (readonly ArchiveRow[])[]): BlockRanges =>
  blocks.map((rows) => [rows[0]?.seq ?? 0, rows.at(-1)?.seq ?? 0])

/** Writes a sealed segment. A block that compaction emptied has no rows, but still its range. */
export function writeSegment(
  blocks: readonly (readonly ArchiveRow[])[],
  ranges: BlockRanges = rangesOf(blocks),
): SegmentFile {
  const contents = blocks.map(writeBlock)
  const frames = contents.map(zstdFrame)
  const header = Buffer.alloc(HEADER_BYTES)
  const places: { from: number; to: number }[] = []
  let at = HEADER_BYTES
  for (const { length } of frames) {
    places.push({ from: at + 8, to: at + 8 + length })
    at += 8 + length
  }
  const index = Buffer.alloc(INDEX_BYTES * blocks.length)
  for (const [number, rows] of blocks.entries()) {
    const place = places[number] as { from: number; to: number }
    index.writeBigUInt64LE(BigInt(place.from - 8), INDEX_BYTES * number)
    index.writeUInt32LE(place.to - place.from, INDEX_BYTES * number + 8)
    index.writeUInt32LE(contents[number]?.length ?? 0, INDEX_BYTES * number + 12)
    index.writeUInt32LE(rows.length, INDEX_BYTES * number + 16)
    const [first, last] = ranges[number] ?? [0, 0]
    index.writeBigUInt64LE(BigInt(first), INDEX_BYTES * number + 20)
    index.writeBigUInt64LE(BigInt(last), INDEX_BYTES * number + 28)
  }
  writeHeader(header, blocks, at)
  const body = frames.flatMap((frame) => [lengthOf(frame), frame])
  header.writeBigUInt64LE(xxh3(Buffer.concat([header.subarray(CHECKSUM_END), index])), 4)
  return {
    bytes: Buffer.concat([header, ...body, index]),
    checksum: header.readBigUInt64LE(4).toString(16).padStart(16, '0'),
    frames: places,
  }
}

function writeHeader(
  header: Buffer,
  blocks: readonly (readonly ArchiveRow[])[],
  end: number,
): void {
  const rows = blocks.flat()
  header.write('jss0', 'latin1')
  header.writeUInt16LE(1, 12)
  header.writeUInt32LE(blocks.length, 14)
  header.writeUInt32LE(rows.length, 18)
  header.writeUInt32LE(new Set(rows.map(({ did }) => did)).size, 22)
  header.writeBigUInt64LE(BigInt(rows[0]?.seq ?? 0), 26)
  header.writeBigUInt64LE(BigInt(rows.at(-1)?.seq ?? 0), 34)
  header.writeBigInt64LE(BigInt(rows[0]?.witnessedUs ?? 0), 42)
  header.writeBigInt64LE(BigInt(rows.at(-1)?.witnessedUs ?? 0), 50)
  for (const offset of [58, 66, 74, 82, 90]) header.writeBigUInt64LE(BigInt(end), offset)
}

function lengthOf({ length }: Buffer): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(length))
  return bytes
}

/** The columns of a block, before it is compressed. */
export function writeBlock(rows: readonly ArchiveRow[]): Buffer {
  const numbers = (bytes: number, write: (column: Buffer, row: ArchiveRow, at: number) => void) => {
    const column = Buffer.alloc(bytes * rows.length)
    for (const [index, row] of rows.entries()) write(column, row, index * bytes)
    return column
  }
  const size = (text: string) => Buffer.byteLength(text)
  const count = Buffer.alloc(4)
  count.writeUInt32LE(rows.length)
  return Buffer.concat([
    count,
    numbers(8, (column, { seq }, at) => column.writeBigUInt64LE(BigInt(seq), at)),
    numbers(8, (column, row, at) => column.writeBigInt64LE(BigInt(row.witnessedUs), at)),
    numbers(8, (column, row, at) => column.writeBigInt64LE(BigInt(row.indexedUs), at)),
    numbers(1, (column, { kind }, at) => column.writeUInt8(kind, at)),
    numbers(1, (column, { collection }, at) => column.writeUInt8(size(collection), at)),
    numbers(2, (column, { did }, at) => column.writeUInt16LE(size(did), at)),
    numbers(1, (column, { rkey }, at) => column.writeUInt8(size(rkey), at)),
    numbers(1, (column, { rev }, at) => column.writeUInt8(size(rev), at)),
    numbers(4, (column, { payload }, at) => column.writeUInt32LE(payload.length, at)),
    ...(['collection', 'did', 'rkey', 'rev'] as const).map((name) =>
      Buffer.from(rows.map((row) => row[name]).join('')),
    ),
    ...rows.map(({ payload }) => payload),
  ])
}

const MAX_RAW_BYTES = 2 ** 17

/** A frame of blocks that are stored as they are, with its content size and its checksum. */
export function zstdFrame(content: Uint8Array): Buffer {
  const head = Buffer.alloc(14)
  head.writeUInt32LE(0xfd2fb528, 0)
  // A content size of eight bytes, a checksum, and a window of 128 KiB.
  head.writeUInt8(0b1100_0100, 4)
  head.writeUInt8(0b0011_1000, 5)
  head.writeBigUInt64LE(BigInt(content.length), 6)
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32LE(Number(xxh64(content) & 0xffff_ffffn))
  const blocks: Uint8Array[] = []
  for (let at = 0; at === 0 || at < content.length; at += MAX_RAW_BYTES) {
    const part = content.subarray(at, at + MAX_RAW_BYTES)
    const isLast = at + MAX_RAW_BYTES >= content.length
    const size = Buffer.alloc(3)
    size.writeUIntLE((part.length << 3) | (isLast ? 1 : 0), 0, 3)
    blocks.push(size, part)
  }
  return Buffer.concat([head, ...blocks, checksum])
}
