/**
 * Reads zstd frames that were made with one dictionary. Making one prepares the dictionary once: a decoder that loads it for each frame spends nine
 * tenths of its time there.
 */
export interface DictionaryDecoder {
  readonly name: 'wasm' | 'zlib' | 'napi'
  readonly dictionaryId: number
  /**
   * The text of one whole frame (RFC 8878) of at most `maxBytes` bytes. Throws `FrameError` on anything else, before more memory than that is taken;
   * the next frame is read as if nothing had been.
   */
  decode(frame: Uint8Array, maxBytes: number): string
}

/** The UTF-8 text at a place in memory; undefined where it is none. */
export type TextOf = (memory: ArrayBufferLike, at: number, bytes: number) => string | undefined
