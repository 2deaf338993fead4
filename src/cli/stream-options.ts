import { type Command, Option } from 'commander'
import type { MessageOptions } from './messages.js'
import { parseCount, parseDelay, parseKinds, parseList, parseWhole } from './parse.js'

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

/** The flag of every command whose position we keep ourselves. */
export interface CursorFileOptions {
  readonly cursorFile?: string
}

/** The flags of every command whose events are limited to some. */
export const withFilters = (command: Command): Command =>
  command
    .option(
      '--collections <nsids>',
      'commits of these only: NSIDs, or prefixes such as app.bsky.feed.*, with commas or again',
      parseList,
    )
    .option('--dids <dids>', 'repositories, with commas or again', parseList)
    .option('--kinds <kinds>', 'some of commit, identity, account, sync', parseKinds)

export const withCursorFile = (command: Command): Command =>
  command.option(
    '--cursor-file <path>',
    'keep the position there, and go on from it; wins over --cursor',
  )

export const withStreamOptions = (command: Command): Command =>
  command
    .option('--limit <n>', 'end after so many events', parseCount)
    .option('--for <duration>', 'end after so long, such as 10s, 5m or 1h', parseDelay)
    .addOption(
      new Option(
        '--connect-timeout <duration>',
        'give up (exit 4) when no connection was ever open for so long; 0s: never',
      )
        .argParser(parseDelay)
        .default(30_000, '30s'),
    )
    .option(
      '--retries <n>',
      'give up (exit 5) when so many retries in a row brought nothing (default: never)',
      parseWhole,
    )
    .option('--strict', 'exit 6 when anything was lost: a gap, or a frame that could not be read')
    .option('--metrics', 'a line of JSON with all metrics on stderr, each second and at the end')
    .option('-q, --quiet', 'errors only on stderr')
    .option('-v, --verbose', 'each state of the connection and each reject on stderr')
    .option('--no-color', 'no colours and no escape sequences, as with NO_COLOR or TERM=dumb')
