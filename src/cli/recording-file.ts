import { createWriteStream, openSync } from 'node:fs'
import { PassThrough, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import * as zlib from 'node:zlib'
import { ConfigError } from '../index.js'
import { SinkError } from './failure.js'
import type { LineSink } from './output.js'

// What a recorder has that is killed can be read up to here.
const FLUSH_MS = 1000

/** Writes lines to a new file, compressed by its name: `.gz`, `.zst`, or not at all. */
export class RecordingFile implements LineSink {
  written = 0
  readonly #encoder: Transform & Flushing
  readonly #done: Promise<void>
  readonly #flushing: NodeJS.Timeout
  #failure: Error | undefined

  /** Throws `ConfigError` if there is such a file already, or it cannot be made. */
  constructor(private readonly path: string) {
    this.#encoder = encoderFor(path)
    const fd = created(path)
    this.#done = pipeline(this.#encoder, createWriteStream(path, { fd })).catch((error: Error) => {
      this.#failure ??= error
    })
    this.#flushing = setInterval(() => this.#encoder.flushLines?.(), FLUSH_MS)
  }

  write(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#encoder.write(`${line}\n`, (error) => {
        if (error) reject(this.#errorOf(error))
        else resolve(this.#wrote())
      })
    })
  }

  /** Rejects with `SinkError` if not all could be written. */
  async close(): Promise<void> {
    clearInterval(this.#flushing)
    this.#encoder.end()
    await this.#done
    if (this.#failure !== undefined) throw this.#errorOf(this.#failure)
  }

  #wrote(): void {
    this.written += 1
  }

  /** The file's own error comes first: it ends the encoder, whose error says nothing. */
  #errorOf(error: Error): SinkError {
    const cause = this.#failure ?? error
    return new SinkError(`${this.path} cannot be written: ${cause.message}`, false, { cause })
  }
}

/** Makes what was written so far readable. */
type Flushing = { readonly flushLines?: () => void }

/** What the types of Node 20 lack. */
type Zstd = { readonly createZstdCompress?: () => zlib.Gzip }

function encoderFor(path: string): Transform & Flushing {
  if (path.endsWith('.gz')) return flushing(zlib.createGzip(), zlib.constants.Z_SYNC_FLUSH)
  if (!path.endsWith('.zst')) return new PassThrough()
  const encoder = (zlib as Zstd).createZstdCompress?.()
  if (encoder === undefined) throw fileError('needs Node 22.15 for .zst; name it .gz')
  return flushing(encoder, ZSTD_E_FLUSH)
}

// Its number is Z_PARTIAL_FLUSH for gzip. That of Z_SYNC_FLUSH is ZSTD_e_end: it would end a frame
// each second, and Node 22 reads only the first one of a file.
const ZSTD_E_FLUSH = 1

const flushing = (encoder: zlib.Gzip, kind: number): Transform & Flushing =>
  Object.assign(encoder, { flushLines: () => encoder.flush(kind) })

function created(path: string): number {
  try {
    return openSync(path, 'wx')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw fileError(
      code === 'EEXIST' ? 'exists already, and is not overwritten' : `cannot be made: ${message}`,
    )
  }
}

const fileError = (message: string): ConfigError =>
  new ConfigError('record', [{ option: 'file', message }])
