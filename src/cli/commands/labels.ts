import type { Command } from 'commander'
import { type LabelEvent, type LabelsConfig, labels$ } from '../../index.js'
import type { CommandContext } from '../context.js'
import { EXIT_CODES_HELP, type ExitCode } from '../exit-codes.js'
import { type LineOptions, withLines } from '../lines/options.js'
import { once, parseSeqStart, type SeqStart } from '../parse.js'
import { runLines } from '../run-lines.js'
import {
  type CursorFileOptions,
  type StreamOptions,
  withCursorFile,
  withStreamOptions,
} from '../stream-options.js'

interface LabelsOptions extends StreamOptions, LineOptions, CursorFileOptions {
  readonly host: string
  readonly cursor?: SeqStart
}

const HELP = `
Only labels go to stdout: one JSON object per line. On a terminal a table is
shown instead (--json shows the lines). A line with "neg": true removes the
label of the same src, uri, cid and val.

Examples:
  $ rxjs-atproto labels --host mod.bsky.app --limit 10 \\
      | jq -r '.val + " " + .uri'
  $ rxjs-atproto labels --host mod.bsky.app --cursor oldest --for 10m \\
      > labels.ndjson
  $ rxjs-atproto labels --host mod.bsky.app --cursor-file ./labels.json \\
      >> labels.ndjson

The cursor file moves past a label when its line is written. The next run
repeats the last line of this one: delivery is at least once.
${EXIT_CODES_HELP}`

/** `rxjs-atproto labels`: the labels of a labeler as lines of JSON. */
export function addLabels(program: Command, context: CommandContext): void {
  const command = program
    .command('labels')
    .summary('read the labels of a labeler as lines of JSON')
    .description(
      'Reads com.atproto.label.subscribeLabels, reconnects, and writes each label as a line of ' +
        'JSON.',
    )
    .requiredOption('--host <host>', 'a labeler: a host name or a URL, such as mod.bsky.app', once)
    .option(
      '--cursor <start>',
      'where to start: live, oldest or a seq, whose label is the first',
      parseSeqStart,
    )
  withLines(withStreamOptions(withCursorFile(command)))
    .addHelpText('after', HELP)
    .action(async (options: LabelsOptions) => context.exit(await labels(options, context)))
}

const labels = (options: LabelsOptions, context: CommandContext): Promise<ExitCode> =>
  runLines(
    {
      source: ({ observers }, checkpoint) =>
        labels$({ ...configOf(options), ...observers, checkpoint }),
      options,
      table: { nameOf, file: 'labels.ndjson' },
    },
    context,
  )

const nameOf = ({ val, neg }: LabelEvent): string => (neg ? `${val} (removed)` : val)

const configOf = ({ host, cursor, retries }: LabelsOptions): LabelsConfig => ({
  host,
  cursor,
  reconnect: { maxAttempts: retries },
})
