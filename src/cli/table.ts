import { interval, merge, tap } from 'rxjs'
import type { FirehoseEvent, JetstreamEvent, TapEvent } from '../index.js'
import type { Messages } from './messages.js'
import { plainLines } from './progress.js'
import type { Snapshot, View } from './snapshot.js'
import type { TableCounts } from './table/counts.js'
import { type TableState, type TableStyle, tableLines } from './table/draw.js'
import { type Keyboard, keys$, REDRAW, TableKeys } from './table/keys.js'

export { TableCounts } from './table/counts.js'

const REDRAW_MS = 250
const NAMES = 12
const MOST_NAMES = 30
// The lines of a table besides its names: the state, the figures, the others, hints, and a prompt.
const OTHER_LINES = 10

/** The collection of a commit, or the kind of any other event. */
export const nameOfEvent = (event: JetstreamEvent | FirehoseEvent): string =>
  event.kind === 'commit' ? event.commit.collection : event.kind

/** The collection of a record, or the type of any other event. */
export const nameOfTapEvent = (event: TapEvent): string =>
  event.type === 'record' ? event.collection : event.type

/** What stands below a table, and who may press keys. */
export interface TableOptions {
  readonly hint?: readonly string[] | undefined
  readonly keyboard?: Keyboard | undefined
}

/**
 * A table that is rewritten in place on a terminal. Elsewhere one line per second, and the table at
 * the end. Nothing with `--quiet`.
 */
export function liveTable<E>(
  messages: Messages,
  counts: TableCounts<E>,
  options: TableOptions = {},
): View | undefined {
  if (messages.options.quiet) return undefined
  return messages.moves
    ? new LiveTable(messages, counts, options)
    : printedTable(messages, counts, options)
}

function printedTable<E>(
  messages: Messages,
  counts: TableCounts<E>,
  { hint = [] }: TableOptions,
): View {
  const style = { columns: 80, names: NAMES, colors: false, sort: 'count', filter: '' } as const
  const lines = plainLines(messages)
  return {
    when: lines.when,
    show: (snapshot) => {
      counts.moveTo(snapshot.elapsedMs)
      lines.show(snapshot)
    },
    end: (snapshot) => {
      counts.moveTo(snapshot.elapsedMs)
      const table = tableLines({ snapshot, rows: counts.rows }, style)
      for (const line of [...table, ...below(hint)]) messages.info(line)
    },
  }
}

const below = (hint: readonly string[]): readonly string[] => (hint.length > 0 ? ['', ...hint] : [])

class LiveTable<E> implements View {
  readonly #keys = new TableKeys()
  #shown: TableState | undefined

  constructor(
    private readonly messages: Messages,
    private readonly counts: TableCounts<E>,
    private readonly options: TableOptions,
  ) {}

  get quit$() {
    return this.#keys.quit$
  }

  when() {
    const { keyboard } = this.options
    const redraws$ = interval(REDRAW_MS)
    return keyboard === undefined
      ? redraws$
      : merge(redraws$, keys$(keyboard).pipe(tap((text) => this.#press(text))))
  }

  #press(text: string): void {
    if (text === REDRAW) this.messages.region.keep()
    else this.#keys.press(text)
  }

  show(snapshot: Snapshot): void {
    const { hint = [], keyboard } = this.options
    const keys = keyboard === undefined ? [] : [this.#keys.hint]
    this.counts.moveTo(snapshot.elapsedMs)
    if (!this.#keys.isPaused || this.#shown === undefined)
      this.#shown = { snapshot, rows: this.counts.rows }
    this.#draw(this.#shown, [...below(hint), ...below(keys)])
  }

  end(snapshot: Snapshot): void {
    this.counts.moveTo(snapshot.elapsedMs)
    this.#draw({ snapshot, rows: this.counts.rows }, below(this.options.hint ?? []))
    this.messages.region.keep()
  }

  #draw(state: TableState, more: readonly string[]): void {
    this.messages.region.draw([...tableLines(state, this.#style), ...more])
  }

  get #style(): TableStyle {
    const { region, ansi } = this.messages
    const { sort, filter } = this.#keys
    const names = Math.max(
      3,
      Math.min(MOST_NAMES, (region.rows ?? NAMES + OTHER_LINES) - OTHER_LINES),
    )
    return { columns: region.columns, names, colors: ansi, sort, filter }
  }
}
