import type { ExitCode } from './exit-codes.js'
import type { TerminalStream } from './live-region.js'

/** What a command is given beside its flags. */
export interface CommandContext {
  readonly stderr: TerminalStream & { readonly isTTY?: boolean }
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Tells the program how the command ended. */
  exit(code: ExitCode): void
}
