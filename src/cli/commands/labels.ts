import type { Command } from 'commander'
import { type LabelEvent, type LabelsConfig, labels$ } from '../../index.js'
import type { CommandContext } from '../context.js'
import { EXIT_CODES_HELP, type ExitCode } from '../exit-codes.js'
import { once, parseSeqStart, type SeqStart } from '../parse.js'
import { runLines } from '../run-lines.js'
import {
  type CursorFileOptions,
  type StreamOptions,
  withCursorFile,
  withStreamOptions,
} from '../stream-options.js'

interface LabelsOptions extends StreamOptions, CursorFileOptions {
  readonly host: string
  readonly cursor?: SeqStart
}

const HELP = `
Labels go to stdout, one JSON object a line, and nothing else does. Where stdout is a terminal, a table of what is said
stands in for them. The line with "neg": true takes the label of the same src, uri, cid and val back.

Examples:
  $ rxjs-atproto labels --host mod.bsky.app --limit 10 | jq -r '.val + " " + .uri'
  $ rxjs-atproto labels --host mod.bsky.app --cursor oldest --for 10m > labels.ndjson
  $ rxjs-atproto labels --host mod.bsky.app --cursor oldest --cursor-file ./labels.json >> labels.ndjson

The cursor file moves past a label when its line is written. The next run begins with the last line of this one, once
more: at least once, nothing lost.
${EXIT_CODES_HELP}`

/** `rxjs-atproto labels`: what a labeler says as lines of JSON. */
export function addLabels(program: Command, context: CommandContext): void {
  const command = program
    .command('labels')
    .summary('read the labels of a labeler as lines of JSON')
    .description(
      'Reads com.atproto.label.subscribeLabels, reconnects by itself, and writes each label as a line of JSON.',
    )
    .requiredOption('--host <host>', 'a labeler: a host name or a URL, such as mod.bsky.app', once)
    .option(
      '--cursor <start>',
      'where to start: live, oldest, or a seq, whose label comes first',
      parseSeqStart,
    )
  withStreamOptions(withCursorFile(command))
    .addHelpText('after', HELP)
    .action(async (options: LabelsOptions) => context.exit(await labels(options, context)))
}

const labels = (options: LabelsOptions, context: CommandContext): Promise<ExitCode> =>
  runLines(
    {
      source: ({ metrics$, gaps, rejects, log }, checkpoint) =>
        labels$({ ...configOf(options), checkpoint, metrics$, gaps, rejects, log }),
      options,
      table: { nameOf, toFile: 'rxjs-atproto labels … > labels.ndjson' },
    },
    context,
  )

const nameOf = ({ val, neg }: LabelEvent): string => (neg ? `${val} (taken back)` : val)

const configOf = ({ host, cursor, retries }: LabelsOptions): LabelsConfig => ({
  host,
  cursor,
  reconnect: { maxAttempts: retries },
})
