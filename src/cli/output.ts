import { createWriteStream, fstatSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { SinkError } from './failure.js'
import { terminalJson } from './text.js'

/** Writes lines, and reports when each one has been handed to the system. */
export interface LineSink {
  /** How many lines are written. */
  readonly written: number
  /** Resolves when the system has the line. Lines keep the order of the calls. */
  write(line: string): Promise<void>
}

/**
 * Writes lines. On a terminal, `beforeWrite` is called before each line, to clear other output, and
 * `safe` takes from the line what would drive the terminal: by default it is JSON, and stays so.
 */
export class LineWriter implements LineSink {
  written = 0

  constructor(
    private readonly stream: Writable & { readonly isTTY?: boolean },
    private readonly beforeWrite: () => void = () => {},
    private readonly safe: (line: string) => string = terminalJson,
  ) {
    // Each write receives its error; without a listener the error would also end the process.
    stream.on('error', () => {})
  }

  async write(line: string): Promise<void> {
    if (this.stream.isTTY) this.beforeWrite()
    await this.writeAll(`${this.stream.isTTY ? this.safe(line) : line}\n`, 1)
  }

  /**
   * As {@link write}, for `count` lines that have their line feeds; resolves with `count`. Not for
   * a terminal.
   */
  writeAll(lines: string | Uint8Array, count: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.stream.write(lines, (error) => {
        if (error) reject(sinkError(error))
        else resolve(this.#wrote(count))
      })
    })
  }

  #wrote(count: number): number {
    this.written += count
    return count
  }
}

/**
 * stdout, whose write callback means that the system has the line. For a file, Node's own stream
 * would block the process at each line, and treat a short write as a complete one.
 */
export const stdout = (): Writable & { readonly isTTY?: boolean } =>
  fstatSync(1).isFile() ? createWriteStream('', { fd: 1, autoClose: false }) : process.stdout

function sinkError(error: NodeJS.ErrnoException): SinkError {
  const readerGone = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(error.code ?? '')
  return new SinkError(`stdout cannot be written: ${error.message}`, readerGone, { cause: error })
}
