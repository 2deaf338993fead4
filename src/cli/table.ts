import { interval } from 'rxjs'
import type { FirehoseEvent, JetstreamEvent } from '../index.js'
import type { Messages } from './messages.js'
import { plainLines, stateOf } from './progress.js'
import type { Snapshot, View } from './snapshot.js'
import { count, counted, duration, plain } from './text.js'

const REDRAW_MS = 250
const ROWS = 12
// A stranger may make up collections without end.
const MAX_NAMES = 1000
const OTHERS = '(others)'

/** The collection of a commit; the kind of an event that has none. */
export const nameOfEvent = (event: JetstreamEvent | FirehoseEvent): string =>
  event.kind === 'commit' ? event.commit.collection : event.kind

/** How many events there were of each name. */
export class TableCounts<E> {
  readonly #counts = new Map<string, number>()

  constructor(private readonly nameOf: (event: E) => string) {}

  add(event: E): void {
    const name = this.nameOf(event)
    const key = this.#counts.has(name) || this.#counts.size < MAX_NAMES ? name : OTHERS
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  /** The largest first. */
  get rows(): readonly (readonly [name: string, count: number])[] {
    return [...this.#counts].sort(([, a], [, b]) => b - a)
  }
}

/**
 * A table, rewritten in place on a terminal that can; a line each second elsewhere, and the table
 * at the end. Nothing with `--quiet`.
 */
export function liveTable<E>(
  messages: Messages,
  counts: TableCounts<E>,
  hint?: string,
): View | undefined {
  if (messages.options.quiet) return undefined
  const hints = hint === undefined ? [] : ['', hint]
  if (!messages.ansi) {
    const printAll = (reading: Snapshot) => {
      for (const line of [...tableOf(reading, counts), ...hints]) messages.info(line)
    }
    return { ...plainLines(messages), end: printAll }
  }
  const draw = (reading: Snapshot) => messages.region.draw([...tableOf(reading, counts), ...hints])
  return {
    when: () => interval(REDRAW_MS),
    show: draw,
    end: (reading) => {
      draw(reading)
      messages.region.keep()
    },
  }
}

export function tableOf<E>(
  { metrics, events, perSecond, elapsedMs }: Snapshot,
  counts: TableCounts<E>,
): readonly string[] {
  const { rows } = counts
  const total = rows.reduce((sum, [, n]) => sum + n, 0)
  const lag = metrics.lagMs === undefined ? '-' : duration(metrics.lagMs)
  const hidden = rows.slice(ROWS).reduce((sum, [, n]) => sum + n, 0)
  return [
    `${stateOf(metrics)}  ${duration(elapsedMs)}`,
    `${counted(events, 'event')}  ${count(perSecond)}/s  lag ${lag}  ${count(metrics.dropped)} dropped`,
    ...rows.slice(0, ROWS).map(([name, n]) => row(name, n, total)),
    ...(hidden > 0 ? [row(`and ${rows.length - ROWS} more`, hidden, total)] : []),
  ]
}

const row = (name: string, n: number, total: number): string =>
  `  ${plain(name).slice(0, 40).padEnd(40)}  ${count(n).padStart(11)}  ${`${Math.round((100 * n) / Math.max(1, total))} %`.padStart(5)}`
