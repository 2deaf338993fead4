import { IN_BROWSER } from '#socket'
import type { CompressionStatus } from '../../delivery/metrics.js'
import { DictionaryError, type StreamError } from '../../errors.js'
import type { HttpAgent } from '../../options/agent.js'
import type { DictionaryDecoder } from '../../zstd/decoders/dictionary-decoder.js'
import type { DictionarySource } from '../../zstd/dictionary/dictionary.js'

/** `true`: compressed. `'auto'`: compressed if possible, else plain. */
export type Compress = boolean | 'auto'

type Zstd = typeof import('#zstd')
type Load = (zstd: Zstd) => Promise<Uint8Array>

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
    private readonly agent?: HttpAgent | undefined,
  ) {}

  v1(host: string): Compression | Promise<Compression> {
    // A browser always offers deflate, and a server accepts only one of the two.
    if (IN_BROWSER && this.compress !== false)
      return plainSince(new DictionaryError('a browser cannot ask for zstd on wire v1'))
    return this.#of(host, ({ loadDictionary, V1_DICTIONARY }) =>
      this.source === undefined
        ? loadDictionary(V1_DICTIONARY.urls, { ...V1_DICTIONARY, agent: this.agent })
        : loadDictionary(this.source, { agent: this.agent }),
    )
  }

  v2(host: string): Compression | Promise<Compression> {
    return this.#of(host, ({ loadDictionary, v2DictionaryUrl }) =>
      loadDictionary(this.source ?? v2DictionaryUrl(host), { agent: this.agent }),
    )
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

  #of(host: string, load: Load): Compression | Promise<Compression> {
    if (this.compress === false) return PLAIN
    const refusal = this.#refusals.get(host)
    if (refusal !== undefined && refusal.count > 1) return plainSince(refusal.last)
    return this.#find(host, load).catch((error: StreamError) => {
      if (this.compress === 'auto') return plainSince(error)
      throw error
    })
  }

  async #find(host: string, load: Load): Promise<Compression> {
    const known = this.#decoders.get(host) ?? decoderOf(load)
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

async function decoderOf(load: Load): Promise<DictionaryDecoder> {
  const zstd = await loadZstd()
  return zstd.bestDecoder(await load(zstd))
}

/** In a chunk of its own: a page that never asks for compression does not load it. */
async function loadZstd(): Promise<Zstd> {
  try {
    return await import('#zstd')
  } catch (cause) {
    throw new DictionaryError('the zstd decoder cannot be loaded', { cause })
  }
}

const plainSince = (reason: StreamError): Compression => ({ status: { name: 'none', reason } })
