import { bestDecoder, loadDictionary } from '#zstd'
import type { CompressionStatus } from '../../delivery/metrics.js'
import { DictionaryError, type StreamError } from '../../errors.js'
import { IN_BROWSER } from '../../internal/in-browser.js'
import type { DictionaryDecoder } from '../../zstd/decoders/dictionary-decoder.js'
import {
  type DictionarySource,
  V1_DICTIONARY,
  v2DictionaryUrl,
} from '../../zstd/dictionary/dictionary.js'

/** `true`: compressed. `'auto'`: compressed if possible, else plain. */
export type Compress = boolean | 'auto'

/** How the frames of one connection are compressed. */
export interface Compression {
  readonly decoder?: DictionaryDecoder
  readonly status: CompressionStatus
}

export const PLAIN: Compression = { status: { name: 'none' } }

/** Finds the dictionary and the decoder for a host, before each dial. */
export class Compressions {
  // Hosts whose server refused its own dictionary. After one refusal it is fetched again, after two
  // the connection is plain.
  readonly #refusals = new Map<string, { count: number; last: StreamError }>()
  readonly #decoders = new Map<string, Promise<DictionaryDecoder>>()

  constructor(
    private readonly compress: Compress,
    private readonly source: DictionarySource | undefined,
  ) {}

  v1(host: string): Compression | Promise<Compression> {
    // A browser always offers deflate, and a server accepts only one of the two.
    if (IN_BROWSER && this.compress !== false)
      return plainSince(new DictionaryError('a browser cannot ask for zstd on wire v1'))
    const { urls, id, sha256 } = V1_DICTIONARY
    return this.#of(host, () =>
      this.source === undefined
        ? loadDictionary(urls, { id, sha256 })
        : loadDictionary(this.source),
    )
  }

  v2(host: string): Compression | Promise<Compression> {
    return this.#of(host, () => loadDictionary(this.source ?? v2DictionaryUrl(host)))
  }

  /** The server refused the dictionary: it may have changed. */
  refused(host: string, error: StreamError): void {
    this.#decoders.delete(host)
    this.#refusals.set(host, { count: (this.#refusals.get(host)?.count ?? 0) + 1, last: error })
  }

  /** A connection opened: the server knows the dictionary. */
  accepted(host: string): void {
    if (this.#decoders.has(host)) this.#refusals.delete(host)
  }

  #of(host: string, load: () => Promise<Uint8Array>): Compression | Promise<Compression> {
    if (this.compress === false) return PLAIN
    const refusal = this.#refusals.get(host)
    if (refusal !== undefined && refusal.count > 1) return plainSince(refusal.last)
    return this.#find(host, load).catch((error: StreamError) => {
      if (this.compress === 'auto') return plainSince(error)
      throw error
    })
  }

  async #find(host: string, load: () => Promise<Uint8Array>): Promise<Compression> {
    const known = this.#decoders.get(host) ?? load().then(bestDecoder)
    this.#decoders.set(host, known)
    try {
      const decoder = await known
      return {
        decoder,
        status: { name: 'zstd', decoder: decoder.name, dictionaryId: decoder.dictionaryId },
      }
    } catch (error) {
      // The next dial tries again.
      this.#decoders.delete(host)
      throw error
    }
  }
}

const plainSince = (reason: StreamError): Compression => ({ status: { name: 'none', reason } })
