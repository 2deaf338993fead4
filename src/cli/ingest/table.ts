import { count, duration, plain } from '../text.js'
import type { Board } from './board.js'
import type { Feed } from './feed.js'
import type { Lane } from './lanes.js'

/** Cells of one row, with the widths of their columns; a negative one is aligned to the right. */
const HOST_WIDTHS = [-14, -28, 10, 9, 15] as const
const SINK_WIDTHS = [-14, -28, 10, 9, 15] as const

/** A line for each host, and one for each stream of Redis. */
export const tableOf = (board: Board): readonly string[] => [
  `${board.settings.mode} into Redis at ${board.settings.redis.host}  ${duration(board.elapsedMs)}`,
  '',
  row(HOST_WIDTHS, ['read', 'from', 'rate', 'lag', 'position'], 'state'),
  ...board.feeds.map((feed) => feedRow(feed, board.elapsedMs)),
  '',
  row(SINK_WIDTHS, ['written', 'entries', 'repeats', 'retries', 'not yet read'], 'state'),
  ...board.lanes.map(sinkRow),
]

/** `firehose_live 1,003/s lag 1.2 s, 4,213 written; …`. */
export const statusOf = (board: Board): string => board.lanes.map((lane) => laneStatus(lane, board.elapsedMs)).join('; ')

function feedRow(feed: Feed, elapsedMs: number): string {
  const { metrics } = feed.watch
  const cells = [
    feed.stream,
    plain(feed.host),
    `${count(feed.rateAt(elapsedMs))}/s`,
    lagOf(feed),
    metrics.cursor === undefined ? '-' : count(metrics.cursor),
  ]
  return row(HOST_WIDTHS, cells, feedState(feed))
}

function sinkRow({ stream, sink: { metrics, word } }: Lane): string {
  const cells = [stream, count(metrics.written), count(metrics.duplicates), count(metrics.retries), count(metrics.unread)]
  return row(SINK_WIDTHS, cells, word)
}

function laneStatus({ stream, feeds, sink: { metrics, word } }: Lane, elapsedMs: number): string {
  const rate = feeds.reduce((sum, feed) => sum + feed.rateAt(elapsedMs), 0)
  const away = feeds.filter(({ away: { forMs } }) => forMs > 0).map((feed) => `${plain(feed.host)} ${feedState(feed)}`)
  return [`${stream} ${count(rate)}/s`, `${count(metrics.written)} written`, word, ...away].join(', ')
}

const lagOf = ({ watch: { metrics } }: Feed): string => (metrics.lagMs === undefined ? '-' : duration(metrics.lagMs))

/** Without the host, which has a column of its own. */
function feedState({ completed, watch: { metrics } }: Feed): string {
  const { connection } = metrics
  if (completed) return 'completed'
  return connection.state === 'waiting' ? `waiting (retry ${connection.attempt}, ${connection.reason.code})` : connection.state
}

const row = (widths: readonly number[], cells: readonly string[], last: string): string =>
  `  ${cells.map((cell, index) => padded(cell, widths[index] ?? 0)).join('  ')}  ${last}`

const padded = (text: string, width: number): string => (width < 0 ? text.slice(0, -width).padEnd(-width) : text.padStart(width))
