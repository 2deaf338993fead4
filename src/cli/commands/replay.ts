import { type Command, InvalidArgumentError } from 'commander'
import { firstValueFrom, merge, NEVER, Subject, timer } from 'rxjs'
import { type FakeJetstream, readRecording } from '../../testing/index.js'
import type { CommandContext } from '../context.js'
import { EXIT, EXIT_CODES_HELP, type ExitCode } from '../exit-codes.js'
import { failureOf } from '../failure.js'
import { type LineOptions, withLines } from '../lines/options.js'
import { jetstreamLine } from '../lines/readable.js'
import { Messages } from '../messages.js'
import { parseWhole } from '../parse.js'
import { replay$, serveRecording } from '../replayed.js'
import { runLines } from '../run-lines.js'
import { onStopSignal, SIGNAL_EXIT, type StopSignal } from '../signals.js'
import { type StreamOptions, withStreamOptions } from '../stream-options.js'
import { nameOfEvent } from '../table.js'
import { readRecords } from '../unreadable-records.js'

interface ReplayOptions extends StreamOptions, LineOptions {
  readonly speed: number
  readonly serve?: boolean
  readonly port?: number
}

const HELP = `
Without --serve it reads the events itself, as \`jetstream\` does, and ends after
the last one. With --serve it is a Jetstream on this machine for your program:
the frames come when the first reader does, byte for byte.

The file is one of \`rxjs-atproto record\`, or what \`rxjs-atproto jetstream\` has
written: the times are then those of the events.

Examples:
  $ rxjs-atproto replay posts.ndjson.gz --speed 10
  $ rxjs-atproto replay posts.ndjson.gz --speed max --grep '/atproto/i'
  $ rxjs-atproto replay events.ndjson --serve --port 6008
${EXIT_CODES_HELP}`

/** `rxjs-atproto replay FILE`: plays what `record` has kept. */
export function addReplay(program: Command, context: CommandContext): void {
  const command = program
    .command('replay')
    .summary('play a file of `record`, or serve it as a Jetstream')
    .description('Plays the frames of a file with their times, at any speed.')
    .argument('<file>', 'a file of `record`, or lines of JSON; plain, gzip or zstd')
    .option('--speed <n>', 'how many times as fast as recorded; max: no waiting', parseSpeed, 1)
    .option('--serve', 'be a Jetstream for other programs, and read nothing')
    .option('--port <n>', 'with --serve: the port (default: a free one)', parseWhole)
  withLines(withStreamOptions(command))
    .addHelpText('after', HELP)
    .action(async (path: string, options: ReplayOptions) =>
      context.exit(await (options.serve ? serve : play)(path, options, context)),
    )
}

function parseSpeed(text: string): number {
  const speed = text === 'max' ? Number.POSITIVE_INFINITY : Number(text)
  if (!(speed > 0)) throw new InvalidArgumentError('Write a number above 0, or max.')
  return speed
}

const play = (path: string, options: ReplayOptions, context: CommandContext): Promise<ExitCode> =>
  runLines(
    {
      source: (watch) =>
        replay$(path, watch.observers, { speed: options.speed }).pipe(readRecords(watch)),
      options,
      readable: jetstreamLine,
      table: { nameOf: nameOfEvent, file: 'events.ndjson' },
    },
    context,
  )

/** Until a signal, or until `--for` is over. */
async function serve(
  path: string,
  { speed, port = 0, ...options }: ReplayOptions,
  { stderr, environment }: CommandContext,
): Promise<ExitCode> {
  const messages = new Messages(stderr, options, environment)
  const stopped$ = new Subject<StopSignal>()
  const stopListening = onStopSignal((signal) => stopped$.next(signal))
  let server: FakeJetstream | undefined
  try {
    server = await serveRecording(await readRecording(path), { speed, port })
    messages.info(`${path} is served at ${server.url}; its frames come with the first reader`)
    const over$ = options.for === undefined ? NEVER : timer(options.for)
    const end = await firstValueFrom(merge(stopped$, over$))
    return typeof end === 'number' ? EXIT.done : SIGNAL_EXIT[end]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      messages.error(`the port ${port} is in use: name another one with --port`)
      return EXIT.config
    }
    const { exitCode, messages: texts } = failureOf(error, false, messages)
    for (const text of texts) messages.error(text)
    return exitCode
  } finally {
    stopListening()
    await server?.close()
  }
}
