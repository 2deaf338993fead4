import { type Observable, tap } from 'rxjs'
import { type FileCursorStore, fileCursorStore } from '../cursors/file.js'
import type { CursorStore } from '../index.js'
import type { CommandContext } from './context.js'
import type { ExitCode } from './exit-codes.js'
import { Messages } from './messages.js'
import { NdjsonSink, stdout } from './output.js'
import { metricsLines, statusLine } from './progress.js'
import { runStream } from './run-stream.js'
import type { CursorFileOptions, StreamOptions } from './stream-options.js'
import { liveTable, TableCounts } from './table.js'
import type { Watch } from './watch.js'

/** A command whose events are lines of JSON on stdout. */
export interface LineRun<E> {
  /**
   * Hands the watch's observers to a source, and the cursor file where there is one. May throw what
   * is wrong with its config.
   */
  readonly source: (watch: Watch, checkpoint: CursorStore | undefined) => Observable<E>
  readonly options: StreamOptions & CursorFileOptions
  /** What stands on a terminal in the place of the lines; without it they go there too. */
  readonly table?: Table<E>
}

/** Events, counted by a name of theirs. */
export interface Table<E> {
  readonly nameOf: (event: E) => string
  /** The command whose lines go to a file, to be shown under the table. */
  readonly toFile: string
}

/** Reads, writes lines, and says how it ended. */
export async function runLines<E>(
  { source, options, table }: LineRun<E>,
  { stderr, environment }: CommandContext,
): Promise<ExitCode> {
  const messages = new Messages(stderr, options, environment)
  const shown =
    table !== undefined && process.stdout.isTTY ? asTable(table, messages) : asLines(messages)
  let store: FileCursorStore | undefined
  const exitCode = await runStream<E>({
    source: (watch) => {
      store =
        options.cursorFile === undefined
          ? undefined
          : fileCursorStore(options.cursorFile, { log: watch.log })
      return source(watch, store).pipe(tap(shown.seen))
    },
    options,
    messages,
    sink: shown.sink,
    view: options.metrics ? metricsLines(messages) : shown.view,
  })
  await store?.close()
  return exitCode
}

const asLines = (messages: Messages) => ({
  seen: () => {},
  sink: new NdjsonSink(stdout(), () => messages.region.clear()),
  view: statusLine(messages),
})

function asTable<E>({ nameOf, toFile }: Table<E>, messages: Messages) {
  const counts = new TableCounts(nameOf)
  const hint = `Lines of JSON go to a pipe or a file: ${toFile}`
  return {
    seen: (event: E) => counts.add(event),
    sink: undefined,
    view: liveTable(messages, counts, hint),
  }
}
