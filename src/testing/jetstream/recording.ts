import {
  closeSync,
  createReadStream,
  createWriteStream,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StringDecoder } from 'node:string_decoder'
import * as zlib from 'node:zlib'
import { ConfigError } from '../../errors.js'

/** Frames of a Jetstream with their times. Made by {@link readRecording}, and played once. */
export interface Recording {
  /** Whose frames they are, by the first one. */
  readonly wire: 'v1' | 'v2'
  /** The number of frames, known before the last one is played. */
  readonly total: number | undefined
  /** When the next frame came, in milliseconds after the first one; `undefined` at the end. */
  readonly nextMs: number | undefined
  /** The frames, read from the file one after another. */
  frames(): Iterable<string>
}

/**
 * Opens a file that `rxjs-atproto record` wrote, or lines of JSON as `rxjs-atproto jetstream`
 * writes them, for {@link fakeJetstream}. It may be compressed: by gzip, or from Node 22.15 by
 * zstd. It may be larger than memory: what is compressed is written to a temporary file first.
 *
 * Each line is `{"at":milliseconds,"frame":…}`, or the event alone, whose time is its `time_us`. A
 * frame that was no JSON is a string. The end of a file that was cut off is left out.
 *
 * **Errors**: rejects with `ConfigError` if the file cannot be read.
 *
 * @example
 * ```ts no-run
 * const recording = await readRecording('posts.ndjson.gz')
 * await using server = await fakeJetstream({ recording, speed: 10 })
 * jetstream$({ host: server.url }).subscribe(console.log)
 * ```
 */
export async function readRecording(path: string): Promise<Recording> {
  try {
    return new FileRecording(await openPlain(path))
  } catch (error) {
    throw new ConfigError('readRecording', [
      { option: 'recording', message: `cannot be read: ${(error as Error).message}` },
    ])
  }
}

interface Entry {
  readonly text: string
  readonly ms: number
}

class FileRecording implements Recording {
  total: number | undefined
  readonly wire: 'v1' | 'v2'
  readonly #lines: Iterator<string>
  #next: Entry | undefined
  #startMs = 0
  #read = 0

  constructor(fd: number) {
    this.#lines = linesOf(fd)
    this.#advance()
    this.#startMs = this.#next?.ms ?? 0
    this.wire = this.#next?.text.startsWith('{"$type":') ? 'v2' : 'v1'
  }

  get nextMs(): number | undefined {
    return this.#next && this.#next.ms - this.#startMs
  }

  *frames(): Generator<string, void, undefined> {
    for (let entry = this.#next; entry !== undefined; entry = this.#next) {
      this.#advance()
      yield entry.text
    }
  }

  #advance(): void {
    const { value, done } = this.#lines.next()
    if (done) this.total = this.#read
    else this.#read += 1
    this.#next = done ? undefined : entryOf(value, this.#next?.ms ?? 0)
  }
}

const HEAD = /^\{"at":(\d+(?:\.\d+)?),"frame":/
const TIME = /"time_us":(\d+)/

/** A line without a time, or with an earlier one, comes right after the one before it. */
function entryOf(line: string, lastMs: number): Entry {
  const [head, at] = HEAD.exec(line) ?? []
  if (head === undefined) {
    const [, us = 0] = TIME.exec(line) ?? []
    return { text: line, ms: Math.max(lastMs, Number(us) / 1000) }
  }
  return { text: frameOf(line.trimEnd().slice(head.length, -1)), ms: Math.max(lastMs, Number(at)) }
}

function frameOf(json: string): string {
  if (!json.startsWith('"')) return json
  try {
    return JSON.parse(json) as string
  } catch {
    return json
  }
}

// --- The lines of a file ---

const CHUNK_BYTES = 1 << 20

function* linesOf(fd: number): Generator<string, void, undefined> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for (const chunk of chunksOf(fd)) {
    const lines = (rest + decoder.write(chunk)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines.filter(isNotBlank)
  }
  yield* [rest + decoder.end()].filter(isNotBlank)
}

function* chunksOf(fd: number): Generator<Uint8Array, void, undefined> {
  const chunk = new Uint8Array(CHUNK_BYTES)
  try {
    for (let size = readSync(fd, chunk); size > 0; size = readSync(fd, chunk))
      yield chunk.subarray(0, size)
  } finally {
    closeSync(fd)
  }
}

const isNotBlank = (line: string): boolean => line.trim() !== ''

// --- Compression ---

/** Opens a file, or what it is when inflated. A folder fails here, and not later. */
async function openPlain(path: string): Promise<number> {
  const decoder = decoderOf(magicOf(path))
  return decoder === undefined ? openSync(path, 'r') : openInflated(path, decoder)
}

function magicOf(path: string): string {
  const fd = openSync(path, 'r')
  try {
    const magic = Buffer.alloc(4)
    readSync(fd, magic, 0, magic.length, 0)
    return magic.toString('hex')
  } finally {
    closeSync(fd)
  }
}

/** What the types of Node 20 lack. */
type Zstd = { readonly createZstdDecompress?: (options: zlib.ZlibOptions) => Decoder }

type Decoder = Transform & { readonly bytesWritten: number }

const ZSTD_MAGIC = '28b52ffd'
const ZSTD_E_FLUSH = 1

function decoderOf(magic: string): Decoder | undefined {
  // The end of a recorder that was killed is missing: what there is can be read.
  if (magic.startsWith('1f8b'))
    return zlib.createGunzip({ finishFlush: zlib.constants.Z_SYNC_FLUSH })
  if (magic !== ZSTD_MAGIC) return undefined
  const decoder = (zlib as Zstd).createZstdDecompress?.({ finishFlush: ZSTD_E_FLUSH })
  if (decoder === undefined) throw new Error('zstd needs Node 22.15; compress it by gzip')
  return decoder
}

/** Node 22 stops after the first frame of zstd, at times without an error. */
async function inflate(path: string, decoder: Decoder, inflated: string): Promise<void> {
  // Before it is read: a recorder may still write to it.
  const { size } = statSync(path)
  const inflating = pipeline(createReadStream(path), decoder, createWriteStream(inflated))
  if (magicOf(path) !== ZSTD_MAGIC) return inflating
  await inflating.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  })
  if (decoder.bytesWritten < size)
    throw new Error('it has several frames of zstd, which Node 24 reads and Node 22 does not')
}

/** The file has lost its name before it is read, so that nothing is left of it. */
async function openInflated(path: string, decoder: Decoder): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'recording-'))
  try {
    const inflated = join(folder, 'frames.ndjson')
    await inflate(path, decoder, inflated)
    return openSync(inflated, 'r')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
