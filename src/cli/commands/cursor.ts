import { type Command, InvalidArgumentError } from 'commander'
import { type CursorFileState, fileCursorStore, readCursorFile } from '../../cursors/file.js'
import type { CommandContext } from '../context.js'
import { described, fieldsOf, jsonOf } from '../cursor-fields.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { failureOf } from '../failure.js'
import { fieldLines } from '../fields.js'
import { type MessageOptions, Messages } from '../messages.js'
import { parseName, parsePast } from '../parse.js'
import { print, stdoutStyle } from '../print.js'
import {
  atTime,
  readPosition,
  type StoredPosition,
  setPosition,
  takesTimes,
} from '../stored-position.js'

interface CursorOptions extends MessageOptions {
  readonly cursorHost?: string
  readonly json?: boolean
}

/** A saved position, and the stream it belongs to. */
type Saved = NonNullable<CursorFileState['saved']>

const EXIT_CODES = `
Exit codes:
  0    done
  2    usage, or no such position
  3    no such file, or it is in use`

const SHOW_HELP = `
Works while a program uses the file, and changes nothing.

Examples:
  $ rxjs-atproto cursor show ./cursor.json
  $ rxjs-atproto cursor show ./cursor.json --json | jq .position
${EXIT_CODES}`

const SET_HELP = `
Stop the program first: a file in use is refused. A Jetstream begins with the
event at this position, and the list of repos with this page; a firehose and
labels begin after it.

Examples:
  $ rxjs-atproto cursor set ./cursor.json 24123456789
${EXIT_CODES}`

const FROM_TIME_HELP = `
Stop the program first: a file in use is refused. The next run starts some
seconds before the time, since clocks differ. Only a Jetstream can start at a
time.

Examples:
  $ rxjs-atproto cursor from-time ./cursor.json 2026-11-30T12:00:00Z
  $ rxjs-atproto cursor from-time ./cursor.json 10m
${EXIT_CODES}`

/** `rxjs-atproto cursor show|set|from-time`: what a cursor file holds. */
export function addCursor(program: Command, context: CommandContext): void {
  const cursor = program
    .command('cursor')
    .summary('show or change the position in a cursor file')
    .description('Shows or changes the position in a cursor file (--cursor-file).')
  addShow(cursor, context)
  const change = changing(cursor, context)
  change('set', SET_HELP, {
    description: 'Sets the position: the number of an event, or of a page its JSON.',
    argument: ['<position>', 'as `cursor show` shows it'],
    textOf: setPosition,
  })
  change('from-time', FROM_TIME_HELP, {
    description: 'Sets the position to a time.',
    argument: ['<time>', 'an ISO date, or a duration back such as 10m'],
    textOf: (typed, held, key) => {
      if (held.of !== 'event' || !takesTimes(key)) throw new InvalidArgumentError(noTimes(held))
      return atTime(parsePast(typed).getTime() * 1000, held)
    },
  })
}

function addShow(cursor: Command, context: CommandContext): void {
  const show = cursor
    .command('show')
    .description('Shows the stream, its position and time, and who uses the file.')
    .argument('<file>', 'the cursor file')
    .option('--json', 'one object of JSON')
  withFile(show)
    .addHelpText('after', SHOW_HELP)
    .action(async (path: string, options: CursorOptions) =>
      context.exit(await attempted(options, context, () => showFile(path, options, context))),
    )
}

/** How a command that changes the position is typed, and what it writes. */
interface Change {
  readonly description: string
  readonly argument: readonly [name: string, help: string]
  /** Throws `InvalidArgumentError`. */
  textOf(typed: string, held: StoredPosition, key: string): string
}

const changing =
  (cursor: Command, context: CommandContext) =>
  (name: string, help: string, { description, argument, textOf }: Change): void => {
    const command = cursor
      .command(name)
      .description(description)
      .argument('<file>', 'the cursor file')
      .argument(...argument)
    withFile(command)
      .addHelpText('after', help)
      .action(async (path: string, typed: string, options: CursorOptions) => {
        const change = ({ key, position }: Saved) =>
          named(argument[0], typed, () => textOf(typed, readPosition(position), key))
        const work = (messages: Messages) => changeFile(path, change, options, messages)
        context.exit(await attempted(options, context, work))
      })
  }

/** Names the argument in the error for its value, as commander does for a flag. */
function named(argument: string, typed: string, read: () => string): string {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw new InvalidArgumentError(`${argument} '${typed}' is invalid. ${error.message}`)
  }
}

const withFile = (command: Command): Command =>
  command
    .option(
      '--cursor-host <name>',
      'the name of this machine in the lock of the file (default: the host name)',
      parseName,
    )
    .option('--no-color', 'no colours, as with NO_COLOR')

async function showFile(
  path: string,
  options: CursorOptions,
  { environment }: CommandContext,
): Promise<ExitCode> {
  const state = await stateOf(path, options)
  if (options.json) return print(JSON.stringify(jsonOf(path, state)))
  const { columns } = stdoutStyle(options, environment)
  return print(fieldLines(fieldsOf(path, state, Date.now()), columns).join('\n'))
}

async function changeFile(
  path: string,
  change: (saved: Saved) => string,
  options: CursorOptions,
  messages: Messages,
): Promise<ExitCode> {
  const { cursorHost } = options
  const { saved } = await stateOf(path, options)
  if (saved === undefined) throw new NothingSavedError(path)
  const text = change(saved)
  const host = cursorHost === undefined ? {} : { host: cursorHost }
  const store = fileCursorStore(path, { ...host, log: { warn: (line) => messages.warn(line) } })
  try {
    // Takes the lock, and finds another stream's file.
    await store.load(saved.key)
    await store.save(saved.key, text)
  } finally {
    await store.close()
  }
  const now = Date.now()
  messages.info(`was: ${described(readPosition(saved.position), now)}`)
  messages.info(`now: ${described(readPosition(text), now)}`)
  return EXIT.done
}

async function stateOf(path: string, { cursorHost }: CursorOptions): Promise<CursorFileState> {
  const state = await readCursorFile(path, cursorHost === undefined ? {} : { host: cursorHost })
  if (state.saved === undefined && state.lock === undefined) throw new NothingSavedError(path)
  return state
}

class NothingSavedError extends Error {
  constructor(path: string) {
    super(`${path} does not exist: no position was ever saved there`)
  }
}

async function attempted(
  options: CursorOptions,
  { stderr, environment }: CommandContext,
  work: (messages: Messages) => Promise<ExitCode>,
): Promise<ExitCode> {
  const messages = new Messages(stderr, options, environment)
  try {
    return await work(messages)
  } catch (error) {
    if (error instanceof InvalidArgumentError || error instanceof NothingSavedError) {
      messages.error(error.message)
      return error instanceof InvalidArgumentError ? EXIT.usage : EXIT.config
    }
    const { exitCode, messages: texts } = failureOf(error, false, messages)
    for (const text of texts) messages.error(text)
    return exitCode
  }
}

const noTimes = ({ of }: StoredPosition): string =>
  of === 'event'
    ? 'This stream takes no times, only sequence numbers: set one with `cursor set`, or remove ' +
      'the file and start with --cursor oldest.'
    : 'The position of this stream has no time.'
