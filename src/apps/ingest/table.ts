import { count, duration, plain } from '../../cli/text.js'
import type { HostFeed } from './host-feed.js'
import type { IngestState } from './ingest-state.js'
import type { Pipeline } from './pipelines.js'

/**
 * The widths of the columns; a negative one is aligned to the left. What a narrow terminal cuts off
 * comes last.
 */
const WIDTHS = [-14, -22, 9, 7, -24, -15] as const

/** A line for each host, and one for each stream of Redis. */
export const tableOf = (board: IngestState): readonly string[] => [
  `${board.settings.mode} into Redis at ${board.settings.redis.host}  ${duration(board.elapsedMs)}`,
  '',
  row('read', 'from', 'rate', 'lag', 'state', 'position'),
  ...board.feeds.map((feed) => feedRow(feed, board.elapsedMs)),
  '',
  row('written', 'entries', 'repeats', 'retries', 'state', 'not yet read'),
  ...board.lanes.map(sinkRow),
]

/** `firehose_live 1,003/s lag 1.2 s, 4,213 written; …`. */
export const statusOf = (board: IngestState): string =>
  board.lanes.map((lane) => laneStatus(lane, board.elapsedMs)).join('; ')

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

const sinkRow = ({ stream, sink: { metrics, word } }: Pipeline): string =>
  row(
    stream,
    count(metrics.written),
    count(metrics.duplicates),
    count(metrics.retries),
    word,
    count(metrics.unread),
  )

function laneStatus(
  { stream, feeds, sink: { metrics, word } }: Pipeline,
  elapsedMs: number,
): string {
  const rate = feeds.reduce((sum, feed) => sum + feed.rateAt(elapsedMs), 0)
  const away = feeds
    .filter(({ away: { forMs } }) => forMs > 0)
    .map((feed) => `${plain(feed.host)} ${feedState(feed)}`)
  const repeats = metrics.duplicates === 0 ? [] : [`${count(metrics.duplicates)} there already`]
  return [
    `${stream} ${count(rate)}/s`,
    `${count(metrics.written)} written`,
    ...repeats,
    word,
    ...away,
  ].join(', ')
}

const lagOf = ({ lagMs }: HostFeed): string => (lagMs === undefined ? '-' : duration(lagMs))

/** Without the host, which has a column of its own. */
function feedState({ completed, watch: { metrics } }: HostFeed): string {
  const { connection } = metrics
  if (completed) return 'completed'
  return connection.state === 'waiting' ? `waiting (${connection.reason.code})` : connection.state
}

const row = (...cells: readonly string[]): string =>
  `  ${cells.map((cell, index) => padded(cell, WIDTHS[index] ?? 0)).join('  ')}`.trimEnd()

const padded = (text: string, width: number): string =>
  width < 0 ? text.slice(0, -width).padEnd(-width) : text.padStart(width)
