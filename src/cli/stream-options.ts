import { type Command, Option } from 'commander'
import { withPlc } from './handles.js'
import type { MessageOptions } from './messages.js'
import { parseCount, parseDelay, parseKinds, parseList, parseName, parseWhole } from './parse.js'

/** The flags of every command that reads a stream. */
export interface StreamOptions extends MessageOptions {
  readonly limit?: number
  /** In milliseconds. */
  readonly for?: number
  readonly connectTimeout: number
  readonly retries?: number
  readonly strict?: boolean
  readonly metrics?: boolean
}

/** The flags of every command that keeps its position in a file. */
export interface CursorFileOptions {
  readonly cursorFile?: string
  readonly cursorHost?: string
  readonly name?: string
  readonly onFilterChange?: 'resume' | 'backfill'
}

/** The flags of every command that filters events. */
export const withFilters = (command: Command): Command => withPlc(withFilterLists(command))

const withFilterLists = (command: Command): Command =>
  command
    .option(
      '--collections <nsids>',
      'commits of these NSIDs or prefixes (app.bsky.feed.*) only, comma-separated or repeated; ' +
        'identity, account and sync events still come: --kinds commit leaves them out',
      parseList,
    )
    .option(
      '--dids <dids>',
      'only these repositories, by DID or handle, comma-separated or repeated',
      parseList,
    )
    .option('--kinds <kinds>', 'only these of commit, identity, account, sync', parseKinds)

export const withCursorFile = (command: Command): Command =>
  command
    .option(
      '--cursor-file <path>',
      'keep the position in this file and resume from it; wins over --cursor',
    )
    .option(
      '--cursor-host <name>',
      'the name of this machine in the lock of the cursor file: give containers that replace ' +
        'each other the same (default: the host name)',
      parseName,
    )
    .option(
      '--name <name>',
      'the name of the stream in the cursor file, in place of its hosts and filter, so that ' +
        'another filter goes on from the position',
      parseName,
    )

/** The flag of every command with a filter and a cursor file. */
export const withFilterChange = (command: Command): Command =>
  command.addOption(
    new Option(
      '--on-filter-change <what>',
      'with --name, where a wider filter goes on: resume at the position (default), or backfill ' +
        'what is new to it from the oldest event',
    ).choices(['resume', 'backfill']),
  )

export const withStreamOptions = (command: Command): Command => withMessages(withEnd(command))

/** The flags of every command that says how a stream goes. */
export const withMessages = (command: Command): Command =>
  command
    .option(
      '--metrics',
      'print all metrics as a line of JSON on stderr, every second and at the end',
    )
    .option('-q, --quiet', 'print only errors on stderr')
    .option('-v, --verbose', 'print each connection state and each reject on stderr')
    .option('--no-color', 'no colours, as with NO_COLOR')

const withEnd = (command: Command): Command =>
  command
    .option('--limit <n>', 'end after this many events', parseCount)
    .option('--for <duration>', 'end after this time, such as 10s, 5m or 1h', parseDelay)
    .addOption(
      new Option(
        '--connect-timeout <duration>',
        'give up (exit 4) if no connection was opened within this time; 0s: never',
      )
        .argParser(parseDelay)
        .default(30_000, '30s'),
    )
    .option(
      '--retries <n>',
      'give up (exit 5) after this many failed retries in a row (default: never)',
      parseWhole,
    )
    .option('--strict', 'exit 6 if anything was lost: a gap, or a frame that could not be read')
