import { type Observable, tap } from 'rxjs'
import { type FileCursorStore, fileCursorStore } from '../cursors/file.js'
import type { CursorStore } from '../index.js'
import type { CommandContext } from './context.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import { Messages } from './messages.js'
import { NdjsonSink, stdout } from './output.js'
import { metricsLines, statusLine } from './progress.js'
import { runStream } from './run-stream.js'
import type { CursorFileOptions, StreamOptions } from './stream-options.js'
import { liveTable, TableCounts } from './table.js'
import type { Watch } from './watch.js'

/** A command that writes its events to stdout as lines of JSON. */
export interface LineRun<E> {
  /**
   * Creates the source with the watch's observers, and the cursor file if there is one. May throw
   * `ConfigError`.
   */
  readonly source: (watch: Watch, checkpoint: CursorStore | undefined) => Observable<E>
  readonly options: StreamOptions & CursorFileOptions
  /** Shown on a terminal instead of the lines; without it, the lines are. */
  readonly table?: Table<E>
}

/** Counts events by name. */
export interface Table<E> {
  readonly nameOf: (event: E) => string
  /** The command that writes the lines to a file, as a hint under the table. */
  readonly toFile: string
}

/** Reads a stream and writes its lines. Returns the exit code. */
export async function runLines<E>(
  { source, options, table }: LineRun<E>,
  { stderr, environment }: CommandContext,
): Promise<ExitCode> {
  const messages = new Messages(stderr, options, environment)
  const output =
    table !== undefined && process.stdout.isTTY ? asTable(table, messages) : asLines(messages)
  const { cursorFile, cursorHost } = options
  if (cursorHost !== undefined && cursorFile === undefined) {
    messages.error('--cursor-host names the owner of a --cursor-file: give both')
    return EXIT.usage
  }
  let store: FileCursorStore | undefined
  const exitCode = await runStream<E>({
    source: (watch) => {
      store =
        cursorFile === undefined
          ? undefined
          : fileCursorStore(cursorFile, {
              log: watch.log,
              ...(cursorHost !== undefined && { host: cursorHost }),
            })
      return source(watch, store).pipe(tap(output.onEvent))
    },
    options,
    messages,
    sink: output.sink,
    view: options.metrics ? metricsLines(messages) : output.view,
  })
  await store?.close()
  return exitCode
}

const asLines = (messages: Messages) => ({
  onEvent: () => {},
  sink: new NdjsonSink(stdout(), () => messages.region.clear()),
  view: statusLine(messages),
})

function asTable<E>({ nameOf, toFile }: Table<E>, messages: Messages) {
  const counts = new TableCounts(nameOf)
  const hint = `Lines of JSON go to a pipe or a file: ${toFile}`
  return {
    onEvent: (event: E) => counts.add(event),
    sink: undefined,
    view: liveTable(messages, counts, hint),
  }
}
