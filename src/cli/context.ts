import type { ExitCode } from './exit-codes.js'
import type { TerminalStream } from './live-region.js'

/** The input of a command besides its flags. */
export interface CommandContext {
  readonly stderr: TerminalStream & { readonly isTTY?: boolean }
  readonly environment: Readonly<Record<string, string | undefined>>
  /** What was typed after the name of the program. */
  readonly typed: readonly string[]
  /** Sets the exit code of the program. */
  exit(code: ExitCode): void
}
