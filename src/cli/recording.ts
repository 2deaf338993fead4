import { closeSync, openSync, readSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { ConfigError } from '../index.js'

const CHUNK_BYTES = 1 << 20

/** The lines of an NDJSON file, read on demand: a recording may be larger than memory. */
export class Recording {
  /** The number of lines, known before the last one is returned. */
  total: number | undefined
  readonly #fd: number

  constructor(path: string) {
    this.#fd = openForReading(path)
  }

  *lines(): Generator<string, void, undefined> {
    let returned = 0
    let next: string | undefined
    for (const line of this.#notEmpty()) {
      if (next !== undefined) yield next
      returned += 1
      next = line
    }
    this.total = returned
    if (next !== undefined) yield next
  }

  *#notEmpty(): Generator<string, void, undefined> {
    const decoder = new StringDecoder('utf8')
    let rest = ''
    for (const chunk of this.#chunks()) {
      const lines = (rest + decoder.write(chunk)).split('\n')
      rest = lines.pop() ?? ''
      yield* lines.filter(isNotBlank)
    }
    yield* [rest + decoder.end()].filter(isNotBlank)
  }

  *#chunks(): Generator<Uint8Array, void, undefined> {
    const chunk = new Uint8Array(CHUNK_BYTES)
    try {
      for (let size = readSync(this.#fd, chunk); size > 0; size = readSync(this.#fd, chunk))
        yield chunk.subarray(0, size)
    } finally {
      closeSync(this.#fd)
    }
  }
}

const isNotBlank = (line: string): boolean => line.trim() !== ''

/** Reads one byte, so that a folder is reported now and not later. */
function openForReading(path: string): number {
  try {
    const fd = openSync(path, 'r')
    readSync(fd, new Uint8Array(1), 0, 0, 0)
    return fd
  } catch (error) {
    throw new ConfigError('demo', [
      { option: 'replay', message: `cannot be read: ${(error as Error).message}` },
    ])
  }
}
