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
  if (!messages.ansi)
    return repeated(interval(LINE_EVERY_MS), () => messages.info(ingestStatus(state)))
  const table = repeated(interval(REDRAW_MS), () => messages.region.draw(ingestTable(state)))
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

/**
 * The widths of the columns; a negative one is aligned to the left. A narrow terminal cuts off the
 * last columns, so the least important ones are there.
 */
const WIDTHS = [-14, -22, 9, 7, -24, -15] as const

/** One line for each host, and one for each Redis stream. */
export const ingestTable = (state: IngestState): readonly string[] => [
  `${state.settings.mode} into Redis at ${state.settings.redis.host}  ${duration(state.elapsedMs)}`,
  '',
  row('read', 'from', 'rate', 'lag', 'state', 'position'),
  ...state.feeds.map((feed) => feedRow(feed, state.elapsedMs)),
  '',
  row('written', 'entries', 'repeats', 'retries', 'state', 'not yet read'),
  ...state.pipelines.map(sinkRow),
]

/** `firehose_live 1,003/s lag 1.2 s, 4,213 written; …`. */
export const ingestStatus = (state: IngestState): string =>
  state.pipelines.map((pipeline) => pipelineStatus(pipeline, state.elapsedMs)).join('; ')

function feedRow(feed: HostFeed, elapsedMs: number): string {
  const { cursor } = feed.watch.metrics
  const position = cursor === undefined ? '-' : count(cursor)
  return row(
    feed.stream,
    plain(feed.host),
    `${count(feed.rateAt(elapsedMs))}/s`,
    lagOf(feed),
    feedState(feed),
    position,
  )
}

const sinkRow = ({ stream, sink: { metrics, stateText } }: Pipeline): string =>
  row(
    stream,
    count(metrics.written),
    count(metrics.duplicates),
    count(metrics.retries),
    stateText,
    count(metrics.unread),
  )

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

const row = (...cells: readonly string[]): string =>
  `  ${cells.map((cell, index) => padded(cell, WIDTHS[index] ?? 0)).join('  ')}`.trimEnd()

const padded = (text: string, width: number): string =>
  width < 0 ? text.slice(0, -width).padEnd(-width) : text.padStart(width)
