import { createWriteStream, fstatSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { SinkError } from './failure.js'
import { terminalJson } from './text.js'

/** Takes lines, and says when each is out of our hands. */
export interface LineSink {
  /** Lines that were written. */
  readonly written: number
  /** Settles when the system has the line. Lines are written in the order of the calls. */
  write(line: string): Promise<void>
}

/**
 * Every event as one line of JSON. `beforeWrite` is called before each: a terminal shows other
 * things too.
 */
export class NdjsonSink implements LineSink {
  written = 0

  constructor(
    private readonly stream: Writable & { readonly isTTY?: boolean },
    private readonly beforeWrite: () => void = () => {},
  ) {
    // Each write is told its error; without a listener the process would die of it as well.
    stream.on('error', () => {})
  }

  write(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.stream.isTTY) this.beforeWrite()
      this.stream.write(`${this.stream.isTTY ? terminalJson(line) : line}\n`, (error) => {
        if (error) reject(sinkError(error))
        else resolve(this.#wrote())
      })
    })
  }

  #wrote(): void {
    this.written += 1
  }
}

/**
 * stdout, where a write that has ended is out of our hands. On a file Node's own would block the
 * process at each line, and take a short write for a whole one.
 */
export const stdout = (): Writable & { readonly isTTY?: boolean } =>
  fstatSync(1).isFile() ? createWriteStream('', { fd: 1, autoClose: false }) : process.stdout

function sinkError(error: NodeJS.ErrnoException): SinkError {
  const readerGone = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(error.code ?? '')
  return new SinkError(`stdout cannot be written: ${error.message}`, readerGone, { cause: error })
}
