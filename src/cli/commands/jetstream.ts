import type { Command } from 'commander'
import {
  type CursorStart,
  type EventFilters,
  type JetstreamConfig,
  jetstream$,
} from '../../index.js'
import { ARCHIVE_HELP, type ArchiveOptions, archiveOf, printCost, withArchive } from '../archive.js'
import type { CommandContext } from '../context.js'
import { EXIT_CODES_HELP, type ExitCode } from '../exit-codes.js'
import { withDids } from '../handles.js'
import { type LineOptions, withLines } from '../lines/options.js'
import { jetstreamLine } from '../lines/readable.js'
import { parseCursor, parseList } from '../parse.js'
import { passedThrough } from '../pass-through.js'
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

/** What a command reads of a Jetstream. */
export interface ReadOptions extends StreamOptions, EventFilters {
  readonly host?: readonly string[]
  readonly cursor?: CursorStart
}

// Far below what a server takes on one connection.
const FEW_DIDS = 1000

interface JetstreamOptions extends ReadOptions, LineOptions, CursorFileOptions, ArchiveOptions {}

const HELP = `
Only events go to stdout: one JSON object per line. On a terminal they are
lines to read (--json).

Examples:
  $ rxjs-atproto jetstream --collections app.bsky.feed.post --kinds commit \\
      --limit 10 | jq '.commit.record.text // empty'
  $ rxjs-atproto jetstream --collections app.bsky.feed.post --grep '/bluesky/i'
  $ rxjs-atproto jetstream --format '{did} {commit.record.text}'
  $ rxjs-atproto jetstream --dids alice.example.com --cursor 1h
  $ rxjs-atproto jetstream --cursor 10m --for 1h --strict > events.ndjson
  $ rxjs-atproto jetstream --cursor-file ./cursor.json >> events.ndjson
  $ rxjs-atproto jetstream --host localhost:6008 --kinds account --metrics \\
      2> metrics.ndjson
  $ rxjs-atproto jetstream --host jetstream.example --archive \\
      --cursor oldest --dry-run

In a pipe or a file a line from one --host is the JSON as the server wrote it,
or the event in it on wire v2. The cursor file moves past an event when its
line is written. The next run repeats the last lines of this one: delivery is at
least once. An event whose record is beyond the bounds on content is written
without it, with the problem record-unreadable; --strict counts it as lost.
${ARCHIVE_HELP}
${EXIT_CODES_HELP}`

/** `rxjs-atproto jetstream`: a Jetstream as lines of JSON. */
export function addJetstream(program: Command, context: CommandContext): void {
  const command = program
    .command('jetstream')
    .summary('read a Jetstream as lines of JSON')
    .description('Reads a Jetstream, reconnects, and writes each event as a line of JSON.')
  withJetstream(command)
  withLines(withStreamOptions(withFilterChange(withCursorFile(withArchive(command)))))
    .addHelpText('after', HELP)
    .action(async (options: JetstreamOptions) =>
      context.exit(
        await withDids(options, context, (resolved) =>
          (resolved.dryRun ? printCost : jetstream)(resolved, context),
        ),
      ),
    )
}

/** The flags of {@link ReadOptions}. */
export const withJetstream = (command: Command): Command =>
  withFilters(
    command.option(
      '--host <host>',
      'a host name or a URL; failover hosts comma-separated or repeated (default: the public ' +
        'instances)',
      parseList,
    ),
  ).option(
    '--cursor <start>',
    'where to start: live, oldest, a position, an ISO date, or a duration back such as 10m',
    parseCursor,
  )

const jetstream = (options: JetstreamOptions, context: CommandContext): Promise<ExitCode> =>
  runLines(
    {
      source: (watch, checkpoint) => {
        const observers = { ...watch.observers, checkpoint }
        const config = { ...configOf(options), ...archiveOf(options, context), ...observers }
        return jetstream$(config).pipe(readRecords(watch))
      },
      passThrough: isOneConnection(options)
        ? (watch, checkpoint) =>
            passedThrough({ ...configOf(options), ...watch.observers, checkpoint }, watch)
        : undefined,
      options,
      readable: jetstreamLine,
      table: { nameOf: nameOfEvent, file: 'events.ndjson' },
      jetstreams: options.host ?? [],
    },
    context,
  )

/**
 * Chunks come from one connection, and the copies that another host sends are not recognised in
 * them. A list of DIDs that is refused in an explicit URL of wire v2 is read over several.
 */
const isOneConnection = ({ archive, host = [], dids = [] }: JetstreamOptions): boolean =>
  archive !== true &&
  host.length === 1 &&
  dids.length <= (host[0]?.includes('/xrpc/') ? 0 : FEW_DIDS)

export const configOf = ({
  host,
  collections,
  dids,
  kinds,
  cursor,
  retries,
}: ReadOptions): JetstreamConfig => ({
  host,
  collections,
  dids,
  kinds,
  cursor,
  reconnect: { maxAttempts: retries },
})
