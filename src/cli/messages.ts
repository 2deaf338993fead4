import { LiveRegion, type TerminalStream } from './live-region.js'
import { wrapText } from './markdown.js'
import { plain, terminalJson } from './text.js'
import { programTyped } from './typed.js'

/** Which messages to show, and how. */
export interface MessageOptions {
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly color: boolean
  /** All of stderr is lines of JSON: these messages too. */
  readonly metrics?: boolean
}

type Stderr = TerminalStream & { readonly isTTY?: boolean }
type Environment = Readonly<Record<string, string | undefined>>

/** Whether colours are wanted, where the output is a terminal. */
export const wantsAnsi = (
  { color }: Pick<MessageOptions, 'color'>,
  { NO_COLOR, TERM }: Environment,
): boolean => color && !NO_COLOR && TERM !== 'dumb'

/** The colours of the words before a message; an info has none. */
const HEADS = { info: undefined, warning: 33, error: 31 } as const

/** The messages for the user, on stderr: stdout is for events. */
export class Messages {
  readonly isTerminal: boolean
  /** The terminal has escape sequences, so that lines can be redrawn. */
  readonly moves: boolean
  /** Colours are wanted, too. */
  readonly ansi: boolean
  readonly region: LiveRegion
  /** How this program is started, for hints. */
  readonly program: string

  constructor(
    private readonly stderr: Stderr,
    readonly options: MessageOptions,
    environment: Environment,
  ) {
    this.isTerminal = stderr.isTTY === true
    this.moves = this.isTerminal && environment.TERM !== 'dumb'
    this.ansi = this.isTerminal && wantsAnsi(options, environment)
    this.program = programTyped(environment)
    this.region = new LiveRegion(stderr, this.moves)
  }

  detail(text: string): void {
    if (this.options.verbose) this.#tell('info', text)
  }

  info(text: string): void {
    if (!this.options.quiet) this.#tell('info', text)
  }

  warn(text: string): void {
    if (!this.options.quiet) this.#tell('warning', text)
  }

  error(text: string): void {
    this.#tell('error', text)
  }

  /** Prints one line unchanged, above the live region. */
  print(line: string): void {
    this.region.clear()
    this.stderr.write(`${line}\n`)
  }

  #tell(level: keyof typeof HEADS, message: string): void {
    this.print(
      this.options.metrics
        ? terminalJson(JSON.stringify({ level, message }))
        : this.#lines(level, plain(message)).join('\n'),
    )
  }

  /** A terminal breaks lines anywhere: we break them between words. */
  #lines(level: keyof typeof HEADS, message: string): readonly string[] {
    const color = HEADS[level]
    const head = color === undefined ? '' : this.ansi ? `${level} ` : `${level}: `
    const text = head + message
    const [first = '', ...more] = this.isTerminal
      ? wrapText(text, this.region.columns, '  ')
      : [text]
    const isPainted = this.ansi && color !== undefined
    return [
      isPainted ? `\u001b[${color}m${level}\u001b[39m${first.slice(level.length)}` : first,
      ...more,
    ]
  }
}
