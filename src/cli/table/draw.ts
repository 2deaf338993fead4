import { shortName } from '../lines/layout.js'
import { stateOf } from '../progress.js'
import type { Snapshot } from '../snapshot.js'
import { count, counted, duration, plain } from '../text.js'
import { cutTo, padTo } from '../width.js'
import { HISTORY, type TableRow } from './counts.js'

export const SORTS = ['count', 'rate', 'name'] as const
export type Sort = (typeof SORTS)[number]

/** How a table looks. */
export interface TableStyle {
  readonly columns: number
  /** How many names it has at most; the others are one line. */
  readonly names: number
  readonly colors: boolean
  readonly sort: Sort
  /** Only names with this text in them. */
  readonly filter: string
}

/** What a table shows. */
export interface TableState {
  readonly snapshot: Snapshot
  readonly rows: readonly TableRow[]
}

/** The state of the stream, and a line for each name: how many, how often, and the last minute. */
export function tableLines({ snapshot, rows }: TableState, style: TableStyle): readonly string[] {
  const { metrics, events, perSecond, elapsedMs } = snapshot
  const lag = metrics.lagMs === undefined ? '-' : duration(metrics.lagMs)
  const total = rows.reduce((sum, row) => sum + row.count, 0)
  const wanted = rows.filter(({ name }) => name.toLowerCase().includes(style.filter.toLowerCase()))
  const sorted = wanted.sort(ORDERS[style.sort])
  const hidden = sorted.slice(style.names)
  const shown = hidden.length === 0 ? sorted : [...sorted.slice(0, style.names), joined(hidden)]
  const figures = [
    counted(events, 'event'),
    `${count(perSecond)}/s`,
    `lag ${lag}`,
    `${count(metrics.dropped)} dropped`,
  ]
  return [
    cutTo(`${stateOf(metrics)}  ${duration(elapsedMs)}`, style.columns),
    cutTo(figures.join('  '), style.columns),
    ...shown.map((row) => lineOf(row, total, style)),
  ]
}

type Order = (one: TableRow, other: TableRow) => number

const byCount: Order = (one, other) => other.count - one.count
const byName: Order = (one, other) => (one.name < other.name ? -1 : 1)

const ORDERS: Readonly<Record<Sort, Order>> = {
  count: byCount,
  rate: (one, other) => other.perSecond - one.perSecond || byCount(one, other),
  name: byName,
}

/** One line for the names that have no room. */
const joined = (rows: readonly TableRow[]): TableRow => ({
  name: `and ${rows.length} more`,
  count: rows.reduce((sum, row) => sum + row.count, 0),
  perSecond: rows.reduce((sum, row) => sum + row.perSecond, 0),
  history: Array.from({ length: HISTORY }, (_, second) =>
    rows.reduce((sum, row) => sum + (row.history[second] ?? 0), 0),
  ),
})

// --- The columns ---

const GAP = '  '
const COUNT = 11
const RATE = 8
const SHARE = 5
const LEAST_NAME = 26
const MOST_NAME = 40
const LEAST_BAR = 6
const MOST_BAR = 40

/** The columns of each part; 0: there is no room for it. */
interface Widths {
  readonly name: number
  readonly count: number
  readonly bar: number
  readonly spark: number
}

/** What a narrow terminal has no room for is left out: the bar, then the count. */
function widthsOf(columns: number): Widths {
  const left = columns - (GAP.length + LEAST_NAME) - (GAP.length + RATE) - (GAP.length + SHARE)
  const spark = [60, 30, 20, 10].find((width) => width <= left / 2.2) ?? 10
  const afterSpark = left - spark - GAP.length
  const hasCount = afterSpark >= COUNT + GAP.length
  const afterCount = afterSpark - (hasCount ? COUNT + GAP.length : 0)
  const bar = Math.min(MOST_BAR, afterCount - GAP.length)
  const spare = afterCount - (bar >= LEAST_BAR ? bar + GAP.length : 0)
  return {
    name: Math.max(10, Math.min(MOST_NAME, LEAST_NAME + spare)),
    count: hasCount ? COUNT : 0,
    bar: bar >= LEAST_BAR ? bar : 0,
    spark,
  }
}

function lineOf(
  { name, count: n, perSecond, history }: TableRow,
  total: number,
  style: TableStyle,
) {
  const widths = widthsOf(style.columns)
  const share = n / Math.max(1, total)
  const paint = (text: string, color: number) =>
    style.colors ? `\u001b[${color}m${text}\u001b[0m` : text
  const cells = [
    padTo(shortName(plain(name), widths.name), widths.name),
    ...(widths.count > 0 ? [count(n).padStart(widths.count)] : []),
    `${rateText(perSecond)}/s`.padStart(RATE),
    `${Math.round(100 * share)} %`.padStart(SHARE),
    ...(widths.bar > 0 ? [paint(bar(share, widths.bar), GREEN)] : []),
    paint(sparkline(history, widths.spark), CYAN),
  ]
  return GAP + cells.join(GAP).trimEnd()
}

const GREEN = 32
const CYAN = 36

/** A rare event has a rate, too. */
const rateText = (rate: number): string => (rate > 0 && rate < 9.95 ? rate.toFixed(1) : count(rate))

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A share as a bar, to an eighth of a column. */
export function bar(share: number, columns: number): string {
  const eighths = Math.round(share * columns * 8)
  return ('█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]).padEnd(columns)
}

const HEIGHTS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

/** Seconds as columns, the highest of which is full. A second without an event is empty. */
export function sparkline(history: readonly number[], columns: number): string {
  const size = history.length / columns
  const sums = Array.from({ length: columns }, (_, column) =>
    history.slice(column * size, (column + 1) * size).reduce((sum, events) => sum + events, 0),
  )
  const most = Math.max(...sums)
  return sums.map((sum) => (sum === 0 ? ' ' : HEIGHTS[Math.ceil((sum / most) * 8) - 1])).join('')
}
