import type { Command } from 'commander'
import { type ListReposConfig, listRepos$, type RepoEvent } from '../../index.js'
import type { CommandContext } from '../context.js'
import { EXIT_CODES_HELP, type ExitCode } from '../exit-codes.js'
import { type LineOptions, withLines } from '../lines/options.js'
import { once, parseCount } from '../parse.js'
import { runLines } from '../run-lines.js'
import {
  type CursorFileOptions,
  type StreamOptions,
  withCursorFile,
  withStreamOptions,
} from '../stream-options.js'

interface ReposOptions extends StreamOptions, LineOptions, CursorFileOptions {
  readonly host?: string
  readonly cursor?: string
  readonly pageSize?: number
  readonly restart?: true
}

const HELP = `
Only repositories go to stdout: one JSON object per line. On a terminal a table
of their states is shown instead (--json shows the lines). Exits with 0 at the
end of the list.

Examples:
  $ rxjs-atproto repos | jq -r 'select(.active) | .did' > dids.txt
  $ rxjs-atproto repos --host localhost:2583 --strict > repos.ndjson
  $ rxjs-atproto repos --cursor-file ./repos.json >> repos.ndjson

The cursor file moves past a page when all its lines are written. The next run
repeats the page that this one was in. After the end of the list it writes
nothing, unless --restart is given.
${EXIT_CODES_HELP}`

/** `rxjs-atproto repos`: the repositories of a relay or a PDS as lines of JSON. */
export function addRepos(program: Command, context: CommandContext): void {
  const command = program
    .command('repos')
    .summary('list the repositories of a relay or a PDS as lines of JSON')
    .description(
      'Reads com.atproto.sync.listRepos page by page, and writes each repo as a line of JSON.',
    )
    .option(
      '--host <host>',
      'a relay or a PDS: a host name or a URL (default: relay1.us-east.bsky.network)',
      once,
    )
    .option(
      '--cursor <cursor>',
      'the page to start with: a cursor that the same host gave (default: the first page)',
    )
    .option('--page-size <n>', 'repositories per request, up to 1000 (default: 1000)', parseCount)
    .option('--restart', 'list everything again if the cursor file says that the list was complete')
  withLines(withStreamOptions(withCursorFile(command)))
    .addHelpText('after', HELP)
    .action(async (options: ReposOptions) => context.exit(await repos(options, context)))
}

const repos = (options: ReposOptions, context: CommandContext): Promise<ExitCode> =>
  runLines(
    {
      source: ({ observers }, checkpoint) =>
        listRepos$({ ...configOf(options), ...observers, checkpoint }),
      options,
      table: { nameOf, file: 'repos.ndjson' },
    },
    context,
  )

const nameOf = ({ active, status }: RepoEvent): string => {
  if (active === undefined) return 'unknown'
  return active ? 'active' : (status ?? 'not active')
}

const configOf = ({ host, cursor, pageSize, restart, retries }: ReposOptions): ListReposConfig => ({
  host,
  cursor,
  limit: pageSize,
  onCompleted: restart ? 'restart' : 'complete',
  reconnect: { maxAttempts: retries },
})
