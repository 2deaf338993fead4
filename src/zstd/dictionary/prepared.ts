import type { WasmInstance } from '../decoders/wasm-instance.js'

// `ZSTD_DDict_s` and the head of `ZSTD_DCtx_s` of zstd 1.5 on 32 bits (lib/decompress/zstd_ddict.c
// and zstd_decompress_internal.h). A context begins with four pointers into its own entropy tables,
// the tables follow.
const CONTEXT_ENTROPY_AT = 16
// Three tables of sequence symbols, one of Huffman codes, three repeated offsets, a workspace.
const ENTROPY_BYTES = 8 * (513 + 257 + 513) + 4 * 4097 + 4 * 3 + 4 * 157
const AT = {
  content: 4,
  contentBytes: 8,
  entropy: 12,
  id: 12 + ENTROPY_BYTES,
  hasEntropy: 16 + ENTROPY_BYTES,
} as const
const DDICT_BYTES = 32 + ENTROPY_BYTES

const PROBE_TEXT_BYTES = 400

/** A dictionary as it lies in the memory of an instance. */
export interface LoadedDictionary {
  readonly address: number
  readonly bytes: number
  readonly id: number
}

/**
 * Builds what ZSTD_createDDict would, which the file does not contain: makes `context` read the
 * dictionary's tables once, and keeps a copy of them. The address of the result, or undefined where
 * a frame made with the dictionary does not come out right: another build of the file.
 */
export function prepareDictionary(
  zstd: WasmInstance,
  context: number,
  dictionary: LoadedDictionary,
): number | undefined {
  if (zstd.decompressPrepared === undefined) return undefined
  // Too short for a frame: the tables are read before that is seen, and stay.
  const nothing = zstd.put(new Uint8Array(32))
  zstd.decompressUsingDict(context, nothing, 0, nothing, 32, dictionary.address, dictionary.bytes)
  zstd.release(nothing)

  const prepared = zstd.put(new Uint8Array(DDICT_BYTES))
  const words = new DataView(zstd.memory.buffer)
  if (words.getUint32(context, true) !== context + CONTEXT_ENTROPY_AT) return undefined
  words.setUint32(prepared + AT.content, dictionary.address, true)
  words.setUint32(prepared + AT.contentBytes, dictionary.bytes, true)
  words.setUint32(prepared + AT.id, dictionary.id, true)
  words.setUint32(prepared + AT.hasEntropy, 1, true)
  zstd.heap.copyWithin(
    prepared + AT.entropy,
    context + CONTEXT_ENTROPY_AT,
    context + CONTEXT_ENTROPY_AT + ENTROPY_BYTES,
  )
  return works(zstd, context, dictionary, prepared) ? prepared : undefined
}

/**
 * Compresses a piece of the dictionary, shuffled enough to need its tables too, and reads it back.
 */
function works(
  zstd: WasmInstance,
  context: number,
  dictionary: LoadedDictionary,
  prepared: number,
): boolean {
  const text = probeText(zstd, dictionary)
  const source = zstd.put(text)
  const room = zstd.compressBound(text.length)
  const [frame, target] = [zstd.allocate(room), zstd.allocate(text.length)]
  const encoder = zstd.createCCtx()
  const size = zstd.compressUsingDict(
    encoder,
    frame,
    room,
    source,
    text.length,
    dictionary.address,
    dictionary.bytes,
    3,
  )
  zstd.freeCCtx(encoder)
  const read = zstd.decompressPrepared?.(context, target, text.length, frame, size, 0, 0, prepared)
  const isSame =
    read === text.length && text.every((byte, index) => byte === zstd.heap[target + index])
  for (const address of [source, frame, target]) zstd.release(address)
  return isSame
}

function probeText(zstd: WasmInstance, { address, bytes }: LoadedDictionary): Uint8Array {
  const end = address + bytes
  const tail = zstd.heap.slice(Math.max(address, end - PROBE_TEXT_BYTES), end)
  return tail.map((byte, index) =>
    index % 7 === 0 ? (tail[(index * 31) % tail.length] ?? byte) : byte,
  )
}
