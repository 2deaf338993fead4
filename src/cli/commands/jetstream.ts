import type { Command } from 'commander'
import { type FileCursorStore, fileCursorStore } from '../../cursors/file.js'
import { type CursorStart, type JetstreamConfig, jetstream$ } from '../../index.js'
import type { CommandContext } from '../context.js'
import { EXIT_CODES_HELP, type ExitCode } from '../exit-codes.js'
import { Messages } from '../messages.js'
import { NdjsonSink, stdout } from '../output.js'
import { collect, parseCursor, parseKinds, parseList } from '../parse.js'
import { metricsLines, statusLine } from '../progress.js'
import { runStream } from '../run-stream.js'
import { type StreamOptions, withStreamOptions } from '../stream-options.js'

interface JetstreamOptions extends StreamOptions {
  readonly host?: readonly string[]
  readonly collections?: readonly string[]
  readonly dids?: readonly string[]
  readonly kinds?: JetstreamConfig['kinds']
  readonly cursor?: CursorStart
  readonly cursorFile?: string
}

const HELP = `
Events go to stdout, one JSON object a line, and nothing else does.

Examples:
  $ rxjs-atproto jetstream --collections app.bsky.feed.post --kinds commit --limit 10 | jq .commit.record.text
  $ rxjs-atproto jetstream --cursor 10m --for 1h --strict > posts.ndjson
  $ rxjs-atproto jetstream --cursor-file ./cursor.json >> events.ndjson
  $ rxjs-atproto jetstream --host localhost:6008 --kinds identity,account --metrics 2> metrics.ndjson

The cursor file moves past an event when its line is written. The next run begins with the last line of this one,
once more: at least once, nothing lost.
${EXIT_CODES_HELP}`

/** `rxjs-atproto jetstream`: a Jetstream as lines of JSON. */
export function addJetstream(program: Command, context: CommandContext): void {
  const command = program
    .command('jetstream')
    .summary('read a Jetstream as lines of JSON')
    .description('Reads a Jetstream, reconnects by itself, and writes each event as a line of JSON.')
    .option('--host <host>', 'a host name or a URL; again for hosts to fail over to (default: the public instances)', collect)
    .option('--collections <nsids>', 'commits of these only: NSIDs, or prefixes such as app.bsky.feed.*, with commas or again', parseList)
    .option('--dids <dids>', 'repositories, with commas or again', parseList)
    .option('--kinds <kinds>', 'some of commit, identity, account, sync', parseKinds)
    .option('--cursor <start>', 'where to start: live, oldest, a position, an ISO date, or a duration back such as 10m', parseCursor)
    .option('--cursor-file <path>', 'keep the position there, and go on from it; wins over --cursor')
  withStreamOptions(command)
    .addHelpText('after', HELP)
    .action(async (options: JetstreamOptions) => context.exit(await jetstream(options, context)))
}

async function jetstream(options: JetstreamOptions, { stderr, environment }: CommandContext): Promise<ExitCode> {
  const messages = new Messages(stderr, options, environment)
  let store: FileCursorStore | undefined
  const exitCode = await runStream({
    source: (watch) => {
      store = options.cursorFile === undefined ? undefined : fileCursorStore(options.cursorFile)
      return jetstream$({ ...configOf(options), checkpoint: store, metrics$: watch.metrics$, gaps: watch.gaps, rejects: watch.rejects })
    },
    options,
    messages,
    sink: new NdjsonSink(stdout(), () => messages.region.clear()),
    view: options.metrics ? metricsLines(messages) : statusLine(messages),
  })
  await store?.close()
  return exitCode
}

const configOf = ({ host, collections, dids, kinds, cursor, retries }: JetstreamOptions): JetstreamConfig => ({
  host,
  collections,
  dids,
  kinds,
  cursor,
  reconnect: { maxAttempts: retries },
})
