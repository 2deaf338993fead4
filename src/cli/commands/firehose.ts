import type { Command } from 'commander'
import { type EventFilters, type FirehoseConfig, firehose$ } from '../../index.js'
import type { CommandContext } from '../context.js'
import { EXIT_CODES_HELP, type ExitCode } from '../exit-codes.js'
import { withDids } from '../handles.js'
import { type LineOptions, withLines } from '../lines/options.js'
import { once, parseSeqStart, type SeqStart } from '../parse.js'
import { runLines } from '../run-lines.js'
import {
  type CursorFileOptions,
  type StreamOptions,
  withCursorFile,
  withFilterChange,
  withFilters,
  withStreamOptions,
} from '../stream-options.js'
import { nameOfEvent } from '../table.js'
import { readRecords } from '../unreadable-records.js'

interface FirehoseOptions extends StreamOptions, LineOptions, CursorFileOptions, EventFilters {
  readonly host?: string
  readonly cursor?: SeqStart
}

const HELP = `
Only events go to stdout: one JSON object per line, with links as $link and
bytes as $bytes. On a terminal a table is shown instead (--json shows the
lines). A commit with n operations is n events.

Examples:
  $ rxjs-atproto firehose --collections app.bsky.feed.post --kinds commit \\
      --limit 10 | jq '.commit.record.text // empty'
  $ rxjs-atproto firehose --host localhost:2583 --cursor oldest --for 1h \\
      --strict > events.ndjson
  $ rxjs-atproto firehose --cursor-file ./cursor.json --kinds commit,sync \\
      >> events.ndjson

The cursor file moves past a commit when all its lines are written. The next
run repeats the last commit of this one: delivery is at least once. An event
whose record cannot be decoded is written without it, with the problem
record-unreadable; --strict counts it as lost.
${EXIT_CODES_HELP}`

/** `rxjs-atproto firehose`: the firehose of a relay or a PDS as lines of JSON. */
export function addFirehose(program: Command, context: CommandContext): void {
  const command = program
    .command('firehose')
    .summary('read the firehose of a relay or a PDS as lines of JSON')
    .description(
      'Reads com.atproto.sync.subscribeRepos, reconnects, and writes each event as a line of JSON.',
    )
    .option('--host <host>', 'a relay or a PDS: a host name or a URL (default: bsky.network)', once)
  withFilters(command).option(
    '--cursor <start>',
    'where to start: live, oldest or a seq, whose event is the first',
    parseSeqStart,
  )
  withLines(withStreamOptions(withFilterChange(withCursorFile(command))))
    .addHelpText('after', HELP)
    .action(async (options: FirehoseOptions) =>
      context.exit(await withDids(options, context, (resolved) => firehose(resolved, context))),
    )
}

const firehose = (options: FirehoseOptions, context: CommandContext): Promise<ExitCode> =>
  runLines(
    {
      source: (watch, checkpoint) =>
        firehose$({ ...configOf(options), ...watch.observers, checkpoint }).pipe(
          readRecords(watch),
        ),
      options,
      table: { nameOf: nameOfEvent, file: 'events.ndjson' },
    },
    context,
  )

const configOf = ({
  host,
  collections,
  dids,
  kinds,
  cursor,
  retries,
}: FirehoseOptions): FirehoseConfig => ({
  host,
  collections,
  dids,
  kinds,
  cursor,
  reconnect: { maxAttempts: retries },
})
