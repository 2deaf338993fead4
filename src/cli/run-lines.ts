import { filter, type Observable, tap } from 'rxjs'
import { type FileCursorStore, fileCursorStore } from '../cursors/file.js'
import type { CheckpointOptions, CursorStore } from '../index.js'
import type { CommandContext } from './context.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import { type LineOptions, matches } from './lines/options.js'
import type { LineStyle } from './lines/readable.js'
import { Messages } from './messages.js'
import { type LineSink, LineWriter, stdout } from './output.js'
import type { Lines } from './pass-through.js'
import { metricsLines, statusLine } from './progress.js'
import { runStream, type StreamRun } from './run-stream.js'
import type { View } from './snapshot.js'
import type { CursorFileOptions, StreamOptions } from './stream-options.js'
import { ownKeyboard } from './table/keys.js'
import { liveTable, TableCounts } from './table.js'
import { plain } from './text.js'
import { commandTyped } from './typed.js'
import type { Watch } from './watch.js'

/** A command that writes its events to stdout as lines. */
export interface LineRun<E> {
  /**
   * Creates the source with the watch's observers, and the cursor file if there is one. May throw
   * `ConfigError`.
   */
  readonly source: (watch: Watch, checkpoint: NamedStore | undefined) => Observable<E>
  readonly options: StreamOptions & CursorFileOptions & LineOptions
  /** The hosts of a Jetstream as they were typed. */
  readonly jetstreams?: readonly string[]
  /** The line of an event on a terminal. */
  readonly readable?: (event: E, style: LineStyle) => string
  /** The same as lines of JSON, for a pipe or a file where nobody looks into an event. */
  readonly passThrough?: PassThrough | undefined
  /** Shown with --table, and on a terminal where there are no lines to read. */
  readonly table: Table<E>
}

type PassThrough = (watch: Watch, checkpoint: NamedStore | undefined) => Observable<Lines>

/** Counts events by name. */
export interface Table<E> {
  readonly nameOf: (event: E) => string
  /** The file that the hint under the table names. */
  readonly file: string
}

/** Reads a stream and writes its lines. Returns the exit code. */
export async function runLines<E>(run: LineRun<E>, context: CommandContext): Promise<ExitCode> {
  const { options, passThrough } = run
  const messages = new Messages(context.stderr, options, context.environment)
  const mistake = mistakeIn(options)
  if (mistake !== undefined) {
    messages.error(mistake)
    return EXIT.usage
  }
  const file = new CursorFile(options)
  const exitCode = await (passThrough !== undefined && isPassThrough(options)
    ? runStream(inChunks(run, passThrough, messages, file))
    : runStream(byEvent(run, messages, context, file)))
  await file.close()
  return exitCode
}

/** Each event is looked at, and written as a line or counted. */
function byEvent<E>(
  run: LineRun<E>,
  messages: Messages,
  context: CommandContext,
  file: CursorFile,
): StreamRun<E> {
  const { source, options, jetstreams } = run
  const { grep } = options
  const output = outputOf(run, messages, context)
  return {
    source: (watch) =>
      source(watch, file.open(watch)).pipe(
        filter((event) => grep === undefined || matches(event, grep)),
        tap(output.onEvent),
      ),
    options,
    messages,
    sink: output.sink,
    lineOf: output.lineOf,
    view: options.metrics ? metricsLines(messages) : output.view,
    jetstreams,
  }
}

/** What one read of the socket brought is one write. */
function inChunks<E>(
  { options, jetstreams }: LineRun<E>,
  passThrough: PassThrough,
  messages: Messages,
  file: CursorFile,
): StreamRun<Lines> {
  const writer = new LineWriter(stdout())
  return {
    source: (watch) => passThrough(watch, file.open(watch)),
    options,
    messages,
    writeAll: ({ text, count }) => writer.writeAll(text, count),
    view: options.metrics ? metricsLines(messages) : statusLine(messages),
    jetstreams,
  }
}

/** Whether lines of JSON are wanted, of all events that come: nobody looks into one. */
const isPassThrough = ({ table, format, grep, limit }: LineRun<unknown>['options']): boolean =>
  !process.stdout.isTTY && !table && [format, grep, limit].every((flag) => flag === undefined)

/** The `--cursor-file`, opened by the source that keeps its position there. */
class CursorFile {
  #store: FileCursorStore | undefined

  constructor(private readonly options: CursorFileOptions) {}

  open({ log }: Watch): NamedStore | undefined {
    const { cursorFile, cursorHost } = this.options
    if (cursorFile === undefined) return undefined
    this.#store = fileCursorStore(cursorFile, {
      log,
      ...(cursorHost !== undefined && { host: cursorHost }),
    })
    return namedStore(this.#store, this.options)
  }

  async close(): Promise<void> {
    await this.#store?.close()
  }
}

/** A cursor file, and the name of the stream in it. */
type NamedStore =
  | CursorStore
  | (Pick<CheckpointOptions, 'name' | 'onFilterChange'> & {
      readonly store: CursorStore
    })

function mistakeIn({ cursorFile, cursorHost, name, onFilterChange }: CursorFileOptions) {
  if (onFilterChange !== undefined && name === undefined)
    return '--on-filter-change needs a --name: without one, another filter is another stream'
  if (cursorFile !== undefined) return undefined
  if (name !== undefined) return '--name names the stream of a --cursor-file: give both'
  if (cursorHost === undefined) return undefined
  return '--cursor-host names the owner of a --cursor-file: give both'
}

const namedStore = (store: CursorStore, { name, onFilterChange }: CursorFileOptions): NamedStore =>
  name === undefined ? store : { store, name, ...(onFilterChange && { onFilterChange }) }

/** How the events are shown: a pipe or a file receives JSON, unless a format is asked for. */
function outputOf<E>(
  { options, table, readable }: LineRun<E>,
  messages: Messages,
  context: CommandContext,
): Output<E> {
  const { json, format } = options
  if (options.table) return asTable(table, messages, context)
  if (format !== undefined) return asLines(messages, format, plain)
  if (json || !process.stdout.isTTY) return asLines(messages)
  if (readable === undefined) return asTable(table, messages, context)
  const style: LineStyle = {
    ansi: messages.ansi,
    // The last column stays empty: some terminals begin a new line after it. Read for each line: a
    // window may be resized.
    get columns() {
      return (process.stdout.columns || 80) - 1
    },
  }
  // It is safe: only its own escape sequences are in it.
  return asLines(
    messages,
    (event) => readable(event, style),
    (line) => line,
  )
}

interface Output<E> {
  readonly onEvent: (event: E) => void
  readonly sink: LineSink | undefined
  readonly lineOf: ((event: E) => string) | undefined
  readonly view: View | undefined
}

const asLines = <E>(
  messages: Messages,
  lineOf?: (event: E) => string,
  safe?: (line: string) => string,
): Output<E> => ({
  onEvent: () => {},
  sink: new LineWriter(stdout(), () => messages.region.clear(), safe),
  lineOf,
  view: statusLine(messages),
})

function asTable<E>(
  { nameOf, file }: Table<E>,
  messages: Messages,
  { typed, environment }: CommandContext,
): Output<E> {
  const counts = new TableCounts(nameOf)
  const command = commandTyped(typed, environment)
  const { isTTY } = process.stdout
  const hint = isTTY
    ? ['Events go to a pipe or a file as lines of JSON:', `  ${command} > ${file}`]
    : undefined
  return {
    onEvent: (event) => counts.add(event),
    sink: isTTY ? undefined : new LineWriter(stdout()),
    lineOf: undefined,
    view: liveTable(messages, counts, { hint, keyboard: ownKeyboard() }),
  }
}
