import { createWriteStream, openSync } from 'node:fs'
import type { Transform, Writable } from 'node:stream'
import { PassThrough } from 'node:stream'
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
  readonly #encoder: Encoder
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
    this.#flushing = setInterval(() => this.#encoder.flush?.(zlib.constants.Z_SYNC_FLUSH), FLUSH_MS)
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

type Encoder = Writable & Transform & { readonly flush?: (kind: number) => void }

/** What the types of Node 20 lack. */
type Zstd = { readonly createZstdCompress?: () => Transform }

function encoderFor(path: string): Encoder {
  if (path.endsWith('.gz')) return zlib.createGzip()
  if (!path.endsWith('.zst')) return new PassThrough()
  const encoder = (zlib as Zstd).createZstdCompress?.()
  if (encoder === undefined) throw fileError('needs Node 22.15 for .zst; name it .gz')
  return encoder
}

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
