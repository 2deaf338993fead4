import type { Compression } from './compression.js'
import type { Decoding } from './decoding.js'

/** What a protocol is made of, besides its host and filters. */
export interface WireOptions {
  readonly maxFrameBytes: number
  readonly decoding: Decoding
  readonly compression: Compression
  /**
   * Send the filter in a message, however short it is.
   * @default false
   */
  readonly alwaysSaysHello?: boolean
}

export const V1_PATH = '/subscribe'

/** Proxies refuse longer request lines. Above this the filter is sent in a message. */
export const MAX_QUERY_LENGTH = 4000
