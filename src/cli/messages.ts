import { LiveRegion, type TerminalStream } from './live-region.js'
import { plain } from './text.js'
import { programTyped } from './typed.js'

/** Which messages to show, and how. */
export interface MessageOptions {
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly color: boolean
}

type Stderr = TerminalStream & { readonly isTTY?: boolean }
type Environment = Readonly<Record<string, string | undefined>>

/** Whether escape sequences are wanted, where the output is a terminal. */
export const wantsAnsi = (
  { color }: Pick<MessageOptions, 'color'>,
  { NO_COLOR, TERM }: Environment,
): boolean => color && !NO_COLOR && TERM !== 'dumb'

const YELLOW = 33
const RED = 31

/** The messages for the user, on stderr: stdout is for events. */
export class Messages {
  readonly isTerminal: boolean
  /** The terminal supports escape sequences, and the user wants them. */
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
    this.ansi = this.isTerminal && wantsAnsi(options, environment)
    this.program = programTyped(environment)
    this.region = new LiveRegion(stderr, this.ansi)
  }

  detail(text: string): void {
    if (this.options.verbose) this.print(plain(text))
  }

  info(text: string): void {
    if (!this.options.quiet) this.print(plain(text))
  }

  warn(text: string): void {
    if (!this.options.quiet) this.print(`${this.#painted('warning', YELLOW)} ${plain(text)}`)
  }

  error(text: string): void {
    this.print(`${this.#painted('error', RED)} ${plain(text)}`)
  }

  /** Prints one line unchanged, above the live region. */
  print(line: string): void {
    this.region.clear()
    this.stderr.write(`${line}\n`)
  }

  #painted(word: string, color: number): string {
    return this.ansi ? `\u001b[${color}m${word}\u001b[39m` : `${word}:`
  }
}
