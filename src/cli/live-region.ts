/** What a terminal's stream offers. */
export interface TerminalStream {
  readonly columns?: number | undefined
  write(text: string): unknown
}

const CLEAR_TO_END_OF_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/**
 * The last lines of a terminal, drawn anew in place. Without `ansi` only the first line is drawn,
 * with spaces to wipe it.
 */
export class LiveRegion {
  #drawn: readonly string[] = []

  constructor(
    private readonly stream: TerminalStream,
    private readonly ansi: boolean,
  ) {}

  draw(lines: readonly string[]): void {
    // The last column is left free: a full line would wrap, and be two.
    const width = Math.max(10, (this.stream.columns || 80) - 1)
    const cut = lines.map((line) => line.slice(0, width))
    const [first = ''] = cut
    this.stream.write(
      this.ansi
        ? `${this.#home()}${cut.map((line) => line + CLEAR_TO_END_OF_LINE).join('\n')}${CLEAR_BELOW}`
        : `\r${first.padEnd(width)}`,
    )
    this.#drawn = this.ansi ? cut : [first.padEnd(width)]
  }

  /** Makes room for other text; the next `draw` comes below it. */
  clear(): void {
    const [first] = this.#drawn
    if (first === undefined) return
    this.stream.write(
      this.ansi ? `${this.#home()}${CLEAR_BELOW}` : `\r${' '.repeat(first.length)}\r`,
    )
    this.#drawn = []
  }

  /** Leaves what is drawn on the terminal. */
  keep(): void {
    if (this.#drawn.length > 0) this.stream.write('\n')
    this.#drawn = []
  }

  #home(): string {
    return this.#drawn.length > 1 ? `\r\u001b[${this.#drawn.length - 1}A` : '\r'
  }
}
