import { interval, type Observable } from 'rxjs'
import type { Messages } from '../../cli/messages.js'
import { whenFresh } from '../../cli/snapshot.js'
import { count, duration, plain } from '../../cli/text.js'
import type { HostFeed } from './host-feed.js'
import type { IngestState } from './ingest-state.js'
import type { Pipeline } from './pipelines.js'

const REDRAW_MS = 250
const METRICS_EVERY_MS = 1000
const LINE_EVERY_MS = 30_000

/** Shows a run until it ends. */
export interface Display {
  /** Shows the last state. */
  end(): void
}

/** Starts a table on a terminal, a line every 30 s elsewhere, or all metrics as JSON. */
export function startDisplay(
  state: IngestState,
  messages: Messages,
  metricsLines: boolean,
): Display {
  if (metricsLines)
    return repeated(whenFresh(METRICS_EVERY_MS, state.metricsSubjects), () =>
      messages.print(JSON.stringify({ elapsedMs: Math.round(state.elapsedMs), ...state.snapshot })),
    )
  if (messages.options.quiet) return { end: () => {} }
  if (!messages.moves)
    return repeated(interval(LINE_EVERY_MS), () => messages.info(ingestStatus(state)))
  const { region } = messages
  const table = repeated(interval(REDRAW_MS), () => region.draw(ingestTable(state, region.columns)))
  return {
    end() {
      table.end()
      messages.region.keep()
    },
  }
}

/** Shows at each of `times$`, and once more at the end. */
function repeated(times$: Observable<unknown>, show: () => void): Display {
  const subscription = times$.subscribe(show)
  return {
    end() {
      subscription.unsubscribe()
      show()
    },
  }
}

/** The cells of a row. */
type Row = readonly string[]

/** One line for each host, and one for each Redis stream, to fit the columns of a terminal. */
export function ingestTable(state: IngestState, columns = Number.POSITIVE_INFINITY): Row {
  const { mode, redis } = state.settings
  return [
    `${mode} into Redis at ${redis.host}  ${duration(state.elapsedMs)}`,
    '',
    ...tableLines(
      [
        ['read', 'from', 'rate', 'lag', 'state', 'position'],
        ...state.feeds.map((feed) => feedRow(feed, state.elapsedMs)),
        [],
        ['written', 'entries', 'repeats', 'retries', 'state', 'not yet read'],
        ...state.pipelines.map(sinkRow),
      ],
      columns,
    ),
  ]
}

const GAP = 2
// The columns of the host and of the state, in the order in which they give way.
const FLEXIBLE = [1, 4]
const LEAST = 12
// Together 79 columns. A cell that grows by a digit moves nothing.
const WIDTHS = [13, LEAST, 9, 7, LEAST, 14]
// Figures are aligned to the right.
const FIGURES: ReadonlySet<number> = new Set([2, 3])

/** Columns as wide as their cells. Where a terminal is too narrow, hosts and states are cut. */
function tableLines(rows: readonly Row[], columns: number): readonly string[] {
  const widths = WIDTHS.map((width, index) =>
    Math.max(width, ...rows.map((row) => (row[index] ?? '').length)),
  )
  let over = widths.reduce((sum, width) => sum + width + GAP, 0) - columns
  for (const index of FLEXIBLE) {
    const width = widths[index] ?? 0
    const cut = Math.min(Math.max(0, width - LEAST), Math.max(0, over))
    widths[index] = width - cut
    over -= cut
  }
  return rows.map((row) =>
    row
      .map((cell, index) => `${' '.repeat(GAP)}${padded(cell, widths[index] ?? 0, index)}`)
      .join('')
      .trimEnd(),
  )
}

/** `firehose_live 1,003/s lag 1.2 s, 4,213 written; …`. */
export const ingestStatus = (state: IngestState): string =>
  state.pipelines.map((pipeline) => pipelineStatus(pipeline, state.elapsedMs)).join('; ')

function feedRow(feed: HostFeed, elapsedMs: number): Row {
  const { cursor } = feed.watch.metrics
  const position = cursor === undefined ? '-' : count(cursor)
  return [
    feed.stream,
    plain(feed.host),
    `${count(feed.rateAt(elapsedMs))}/s`,
    lagOf(feed),
    feedState(feed),
    position,
  ]
}

const sinkRow = ({ stream, sink: { metrics, stateText } }: Pipeline): Row => [
  stream,
  count(metrics.written),
  count(metrics.duplicates),
  count(metrics.retries),
  stateText,
  count(metrics.unread),
]

function pipelineStatus(
  { stream, feeds, sink: { metrics, stateText } }: Pipeline,
  elapsedMs: number,
): string {
  const rate = feeds.reduce((sum, feed) => sum + feed.rateAt(elapsedMs), 0)
  const away = feeds
    .filter(({ outage: { forMs } }) => forMs > 0)
    .map((feed) => `${plain(feed.host)} ${feedState(feed)}`)
  const repeats = metrics.duplicates === 0 ? [] : [`${count(metrics.duplicates)} there already`]
  return [
    `${stream} ${count(rate)}/s`,
    `${count(metrics.written)} written`,
    ...repeats,
    stateText,
    ...away,
  ].join(', ')
}

const lagOf = ({ lagMs }: HostFeed): string => (lagMs === undefined ? '-' : duration(lagMs))

/** Leaves out the host, which has its own column. */
function feedState({ completed, watch: { metrics } }: HostFeed): string {
  const { connection } = metrics
  if (completed) return 'completed'
  return connection.state === 'waiting' ? `waiting (${connection.reason.code})` : connection.state
}

const padded = (text: string, width: number, index: number): string => {
  if (FIGURES.has(index)) return text.padStart(width)
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width)
}
