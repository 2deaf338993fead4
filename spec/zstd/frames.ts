import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compressUsingDict, createCCtx, init } from '@bokuweb/zstd-wasm'
import { readFrameHeader } from '../../src/zstd/frame/check-frame.js'

/** Two dictionaries of 4 KiB, trained by the zstd CLI on events of `generateEvents()`. */
export const ONE = 1111
export const TWO = 2222

export const dictionaryOf = (id: number): Uint8Array =>
  new Uint8Array(readFileSync(join(__dirname, 'dictionaries', `${id}.zdict`)))

// Once a process, or the package breaks.
const ready = init()

/** Another's encoder: what it makes names its dictionary, has a content size and no checksum. */
export async function encoder(dictionary: Uint8Array): Promise<(text: string) => Uint8Array> {
  await ready
  const context = createCCtx()
  return (text) => compressUsingDict(context, Buffer.from(text), dictionary)
}

/** One block of a frame made by hand: bytes as they are, or one byte many times. */
export type Block = Uint8Array | { readonly byte: number; readonly times: number }

export interface Parts {
  readonly dictionaryId?: number
  readonly contentBytes?: number | undefined
  /** RFC 8878 section 3.1.1.1.2. @default 128 KiB */
  readonly window?: number
  readonly checksum?: readonly number[]
  readonly blocks: readonly Block[]
}

export const MAX_BLOCK_BYTES = 128 * 1024

/**
 * A frame by hand: with a window, a dictionary id of four bytes, and a content size of eight or
 * none.
 */
export function craft({
  dictionaryId,
  contentBytes,
  window = 0b0011_1000,
  checksum,
  blocks,
}: Parts): Uint8Array {
  const descriptor =
    (contentBytes === undefined ? 0 : 0b1100_0000) |
    (checksum ? 0b100 : 0) |
    (dictionaryId === undefined ? 0 : 0b11)
  return Uint8Array.from([
    ...[0x28, 0xb5, 0x2f, 0xfd, descriptor, window],
    ...(dictionaryId === undefined ? [] : littleEndian(dictionaryId, 4)),
    ...(contentBytes === undefined ? [] : littleEndian(contentBytes, 8)),
    ...blocks.flatMap((block, index) => blockOf(block, index === blocks.length - 1)),
    ...(checksum ?? []),
  ])
}

function blockOf(block: Block, isLast: boolean): number[] {
  const last = isLast ? 1 : 0
  if (block instanceof Uint8Array) return [...littleEndian((block.length << 3) | last, 3), ...block]
  return [...littleEndian((block.times << 3) | (1 << 1) | last, 3), block.byte]
}

const littleEndian = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, index) => Math.floor(value / 256 ** index) % 256)

/** 200 MiB in 6.4 KB, saying so, lying or silent. */
export const bomb = (dictionaryId: number, contentBytes?: number): Uint8Array =>
  craft({
    dictionaryId,
    contentBytes,
    blocks: Array.from({ length: 1600 }, () => ({ byte: 0x61, times: MAX_BLOCK_BYTES })),
  })

/**
 * The same blocks under a header without a content size, as the servers write it below 256 bytes.
 */
export function withoutContentSize(frame: Uint8Array): Uint8Array {
  const { bytes, dictionaryId } = readFrameHeader(frame)
  const header = craft({ dictionaryId, blocks: [] })
  return Uint8Array.from([...header, ...frame.subarray(bytes)])
}
