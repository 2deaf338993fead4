import type { Command } from 'commander'
import { runIngest } from '../../apps/ingest/run-ingest.js'
import {
  type Flags,
  ignoredVariables,
  readSettings,
  SETTINGS,
  type Settings,
} from '../../apps/ingest/settings.js'
import type { CommandContext } from '../context.js'
import type { ExitCode } from '../exit-codes.js'
import { failureOf } from '../failure.js'
import { type MessageOptions, Messages } from '../messages.js'
import { withMessages } from '../stream-options.js'

interface IngestOptions extends Flags, MessageOptions {
  readonly metrics?: boolean
}

const HELP = `
Reads the environment of rsky-ingester; a flag wins over its variable:
${Object.values(SETTINGS)
  .filter(({ variables }) => variables.length > 0)
  .map(
    ({ flag, variables }) =>
      `  ${flag.replace(/ .*/, '').padEnd(20)}${variables.join(', or else ')}`,
  )
  .join('\n')}

Entries go to the Redis streams firehose_live, repo_backfill and label_live,
positions to <stream>:cursor:<host>, as rsky-ingester writes them: either
program resumes where the other one stopped. An entry is written once over
failures, restarts and repeats. A position moves when everything before it is
written.

Examples:
  $ INGESTER_MODE=firehose rxjs-atproto ingest
  $ rxjs-atproto ingest --mode labeler --labeler-hosts mod.bsky.app \\
      --redis redis://redis:6379/1
  $ rxjs-atproto ingest --relay-hosts relay1.us-east.bsky.network \\
      --metrics-port 9100 -q

Exit codes:
  0    a backfill is complete
  1    unexpected error
  2    usage
  3    bad settings, or what they name
  4    a host refused the first connection
  5    a host refused later
  7    Redis refused a write
  130  SIGINT
  143  SIGTERM`

/** `rxjs-atproto ingest`: firehoses, repositories and labels into Redis. */
export function addIngest(program: Command, context: CommandContext): void {
  const command = program
    .command('ingest')
    .summary('write firehoses, repositories and labels to Redis')
    .description(
      'Reads relays and labelers and writes their events to Redis streams: a drop-in for ' +
        'rsky-ingester.',
    )
  for (const { flag, help, list } of Object.values(SETTINGS)) {
    if (list) command.option(flag, help, joined)
    else command.option(flag, help)
  }
  withMessages(command)
    .addHelpText('after', HELP)
    .action(async (options: IngestOptions) => context.exit(await ingest(options, context)))
}

const joined = (text: string, earlier?: string): string =>
  earlier === undefined ? text : `${earlier},${text}`

async function ingest(
  options: IngestOptions,
  { stderr, environment }: CommandContext,
): Promise<ExitCode> {
  const messages = new Messages(stderr, options, environment)
  const settings = settingsOf(options, environment, messages)
  if (typeof settings === 'number') return settings
  for (const line of ignoredVariables(options, environment)) messages.warn(line)
  return runIngest(settings, messages, options.metrics ?? false)
}

function settingsOf(
  options: IngestOptions,
  environment: CommandContext['environment'],
  messages: Messages,
): Settings | ExitCode {
  try {
    return readSettings(options, environment)
  } catch (error) {
    const failure = failureOf(error, false)
    for (const message of failure.messages) messages.error(message)
    return failure.exitCode
  }
}
