import { xxh3 } from '../../../internal/xxh3.js'
import type { Block } from './block.js'
import { Damaged } from './damaged.js'
import { fetchRange, Rewritten } from './fetch-bytes.js'
import type { Requests } from './requests.js'
import { HEADER_BYTES, readHeader } from './segment.js'

// Of a segment of 256 MB it takes some megabytes.
const MAX_FOOTER_BYTES = 64 * 2 ** 20
const MAX_FETCHES = 5
const CHECKSUM_END = 12
const INDEX_AT = 90
const ENTRY_BYTES = 52
const [COMPRESSED, UNCOMPRESSED, EVENTS, FIRST, LAST] = [8, 12, 16, 20, 28]

/** What a segment says of its blocks. Its header and its footer were verified. */
export class Footer {
  readonly #entries: DataView

  constructor(entries: Uint8Array) {
    this.#entries = new DataView(entries.buffer, entries.byteOffset, entries.length)
  }

  /** Says what is wrong with a block, if anything is. `frameBytes`: its compressed length. */
  complaintOf(index: number, frameBytes: number, block: Block): string | undefined {
    const at = index * ENTRY_BYTES
    const entries = this.#entries
    if (at + ENTRY_BYTES > entries.byteLength) return 'it is not in the index of its segment'
    const says = (what: string, is: number, of: number) =>
      is === of ? undefined : `it has ${is} ${what}, and its segment says ${of}`
    const number = (offset: number) => entries.getUint32(at + offset, true)
    const seq = (offset: number) => Number(entries.getBigUint64(at + offset, true))
    return (
      says('compressed bytes', frameBytes, number(COMPRESSED)) ??
      says('bytes', block.bytes.length, number(UNCOMPRESSED)) ??
      says('rows', block.rows, number(EVENTS)) ??
      // The range is that of the sealing: compaction may have removed its ends.
      (block.rows > 0 && (block.firstSeq < seq(FIRST) || block.lastSeq > seq(LAST))
        ? `it has rows outside of ${seq(FIRST)} to ${seq(LAST)}`
        : undefined)
    )
  }
}

/** Fetches and verifies the header and the footer of a segment, of whatever generation it is. */
export async function fetchFooter(requests: Requests, name: string): Promise<Footer | Damaged> {
  for (let fetches = 1; ; fetches += 1) {
    try {
      return await fetchOnce(requests, name)
    } catch (error) {
      const isDamaged = error instanceof Damaged
      // It was rewritten between the two requests.
      if (!isDamaged && !(error instanceof Rewritten)) throw error
      if (fetches >= MAX_FETCHES) return new Damaged(error.message, { cause: error })
    }
  }
}

async function fetchOnce(requests: Requests, name: string): Promise<Footer> {
  const header = joined(await fetchRange(requests, { name, from: 0, to: HEADER_BYTES }))
  const { blocks, blocksEnd: from, checksum } = readHeader(header)
  const range = { name, etag: checksum, from, to: from + MAX_FOOTER_BYTES }
  const footer = await fetchRange(requests, range)
  const hash = xxh3(joined([header.subarray(CHECKSUM_END), ...footer]))
  if (hash !== BigInt(`0x${checksum}`))
    throw new Damaged(`the footer of ${name} does not have the checksum ${checksum}`)
  const index = offsetIn(header, INDEX_AT) - from
  const entries = joined(footer).slice(index, index + blocks * ENTRY_BYTES)
  return new Footer(entries)
}

const offsetIn = (header: Uint8Array, at: number): number =>
  Number(new DataView(header.buffer, header.byteOffset).getBigUint64(at, true))

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}
