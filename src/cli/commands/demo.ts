import { type Command, Option } from 'commander'
import type { Observable } from 'rxjs'
import { type Ingestor, ingest, type JetstreamEvent, jetstream$ } from '../../index.js'
import { fakeJetstream, generateEvents } from '../../testing/index.js'
import type { CommandContext } from '../context.js'
import { EXIT_CODES_HELP, type ExitCode } from '../exit-codes.js'
import { type LineOptions, withLines } from '../lines/options.js'
import { collect, parseCount } from '../parse.js'
import { replay$, served$ } from '../replayed.js'
import { runLines } from '../run-lines.js'
import { type StreamOptions, withStreamOptions } from '../stream-options.js'
import { nameOfEvent } from '../table.js'
import type { Watch } from '../watch.js'

interface DemoOptions extends StreamOptions, LineOptions {
  readonly host?: readonly string[]
  readonly replay?: string
  readonly rate: number
  readonly seed: number
}

const DEFAULT_MS = 10_000
const KEPT_EVENTS = 100_000

const HELP = `
Shows a table on stderr, as --table does elsewhere. Events go to stdout as lines
of JSON, unless stdout is a terminal; --json and --format show lines there too,
and no table. Ends after ${DEFAULT_MS / 1000} s (--for), after --limit, at the end of a replay,
or on Ctrl-C.

Examples:
  $ rxjs-atproto demo
  $ rxjs-atproto demo --rate 5000 --for 1m > events.ndjson
  $ rxjs-atproto demo --replay recorded.ndjson > same.ndjson
  $ rxjs-atproto demo --host jetstream.us-east.bsky.network
${EXIT_CODES_HELP}`

/** `rxjs-atproto demo`: a server and its reader, to try the package without a network. */
export function addDemo(program: Command, context: CommandContext): void {
  const command = program
    .command('demo')
    .summary('try it: a Jetstream on this machine and its reader')
    .description(
      'Starts a Jetstream on this machine, reads it with the library, and shows its events.',
    )
    .addOption(
      new Option('--host <host>', 'read this Jetstream instead')
        .argParser(collect)
        .conflicts('replay'),
    )
    .option(
      '--replay <file>',
      'serve the lines of an NDJSON file, or a file of `record`, as fast as they are read',
    )
    .option('--rate <n>', 'events per second', parseCount, 1000)
    .option('--seed <n>', 'the same seed gives the same events', parseCount, 1)
  withLines(withStreamOptions(command))
    .addHelpText('after', HELP)
    .action(async (options: DemoOptions) => context.exit(await demo(options, context)))
}

/** The table is shown wherever stdout goes: it is what there is to see. */
function demo(given: DemoOptions, context: CommandContext): Promise<ExitCode> {
  const { json, format, replay } = given
  const table = json !== true && format === undefined
  const options = { ...(replay === undefined && { for: DEFAULT_MS }), ...given, table }
  return runLines(
    {
      source: (watch) => events$(options, watch).pipe(ingest(INGESTORS)),
      options,
      table: { nameOf: nameOfEvent, file: 'events.ndjson' },
    },
    context,
  )
}

const work: Ingestor<JetstreamEvent> = () => {}

/** One ingestor for each part of the network, where your program would do its work. */
const INGESTORS = {
  'app.bsky.feed.*': work,
  'app.bsky.graph.*': work,
  'app.bsky.actor.*': work,
  identity: work,
  account: work,
  '*': work,
}

// --- Where the events come from ---

function events$(
  { host, replay, rate, seed, retries }: DemoOptions,
  watch: Watch,
): Observable<JetstreamEvent> {
  const config = { ...watch.observers, reconnect: { maxAttempts: retries } }
  if (host !== undefined) return jetstream$({ ...config, host })
  if (replay !== undefined) return replay$(replay, config)
  const server = fakeJetstream({
    events: liveEvents(seed, rate),
    ratePerSecond: rate,
    retainEvents: KEPT_EVENTS,
  })
  return served$(server, ({ url }) => jetstream$({ ...config, host: url }))
}

/** Generated events with the current time. */
function* liveEvents(seed: number, rate: number): Generator<JetstreamEvent, void, undefined> {
  let time_us = 0
  for (const event of generateEvents({
    seed,
    startUs: Date.now() * 1000,
    everyUs: 1_000_000 / rate,
  })) {
    time_us = Math.max(time_us + 1, Date.now() * 1000)
    yield { ...event, time_us }
  }
}
