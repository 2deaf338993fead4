import { cutTo, padTo, widthOf } from './width.js'

/** The part of a terminal's stream that is used here. */
export interface TerminalStream {
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  write(text: string): unknown
}

const CLEAR_TO_END_OF_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/**
 * The last lines of a terminal, redrawn in place. Without `moves` only the first line is drawn, and
 * cleared with spaces.
 */
export class LiveRegion {
  #drawn: readonly string[] = []

  constructor(
    private readonly stream: TerminalStream,
    private readonly moves: boolean,
  ) {}

  /** The last column stays empty: a full line would wrap onto a second one. */
  get columns(): number {
    return Math.max(10, (this.stream.columns || 80) - 1)
  }

  get rows(): number | undefined {
    return this.stream.rows || undefined
  }

  /** Lines with colours have to fit already. */
  draw(lines: readonly string[]): void {
    const width = this.columns
    const cut = lines.map((line) => (line.includes('\u001b') ? line : cutTo(line, width)))
    const [first = ''] = cut
    this.stream.write(
      this.moves
        ? this.#home() + cut.map((line) => line + CLEAR_TO_END_OF_LINE).join('\n') + CLEAR_BELOW
        : `\r${padTo(first, width)}`,
    )
    this.#drawn = this.moves ? cut : [padTo(first, width)]
  }

  /** Clears the lines for other text; the next `draw` is below that text. */
  clear(): void {
    const [first] = this.#drawn
    if (first === undefined) return
    this.stream.write(
      this.moves ? `${this.#home()}${CLEAR_BELOW}` : `\r${' '.repeat(widthOf(first))}\r`,
    )
    this.#drawn = []
  }

  /** Leaves the drawn lines on the terminal. */
  keep(): void {
    if (this.#drawn.length > 0) this.stream.write('\n')
    this.#drawn = []
  }

  #home(): string {
    return this.#drawn.length > 1 ? `\r\u001b[${this.#drawn.length - 1}A` : '\r'
  }
}
