import type { Command } from 'commander'
import { type TapConfig, tap$ } from '../../index.js'
import { adminPassword, PASSWORD_HELP, type PasswordOptions } from '../admin-password.js'
import type { CommandContext } from '../context.js'
import { EXIT_CODES_HELP, type ExitCode } from '../exit-codes.js'
import { type LineOptions, withLines } from '../lines/options.js'
import { tapLine } from '../lines/readable.js'
import { once } from '../parse.js'
import { runLines } from '../run-lines.js'
import { type StreamOptions, withStreamOptions } from '../stream-options.js'
import { nameOfTapEvent } from '../table.js'
import { seeUnreadable } from '../unreadable-records.js'
import { addTapRepos } from './tap-repos.js'

interface TapOptions extends StreamOptions, LineOptions, PasswordOptions {
  readonly host?: string
}

const HELP = `
Only events go to stdout: one JSON object per line. On a terminal they are
lines to read (--json). An event is acked when its line is written, or when
--grep leaves it out. The server sends events without an ack again, to the next
run too.

Examples:
  $ rxjs-atproto tap --host localhost:2480 --limit 10 \\
      | jq '.record.text // empty'
  $ TAP_ADMIN_PASSWORD=... rxjs-atproto tap --for 1h >> events.ndjson
  $ rxjs-atproto tap repos add did:plc:ewvi7nxzyoun6zhxrhs64oiz
${PASSWORD_HELP}
${EXIT_CODES_HELP}`

/** `rxjs-atproto tap`: the channel of a Tap as lines of JSON, and its repositories. */
export function addTap(program: Command, context: CommandContext): void {
  const command = program
    .command('tap')
    .summary('read a Tap as lines of JSON, or tell it what to track')
    .description(
      'Reads a Tap, reconnects, writes each event as a line of JSON, and acks it when written.',
    )
  withTapServer(command)
  withLines(withStreamOptions(command))
    .addHelpText('after', HELP)
    .action(async (options: TapOptions) => context.exit(await tap(options, context)))
  addTapRepos(command, context)
}

/** The flags of every command that connects to a Tap. */
export const withTapServer = (command: Command): Command =>
  command
    .option('--host <host>', 'a host name with a port, or a URL (default: localhost:2480)', once)
    .option(
      '--password-file <path>',
      'read the password from its first line instead of TAP_ADMIN_PASSWORD',
    )

const tap = (options: TapOptions, context: CommandContext): Promise<ExitCode> =>
  runLines(
    {
      source: (watch) => {
        const { metrics$, rejects, log } = watch
        const password = adminPassword(options, context)
        const config = { ...configOf(options), adminPassword: password, metrics$, rejects, log }
        return tap$(config).pipe(seeUnreadable(watch))
      },
      options,
      readable: tapLine,
      table: { nameOf: nameOfTapEvent, file: 'events.ndjson' },
    },
    context,
  )

const configOf = ({ host, retries }: TapOptions): TapConfig => ({
  host,
  reconnect: { maxAttempts: retries },
})
