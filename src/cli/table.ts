import { interval } from 'rxjs'
import type { FirehoseEvent, JetstreamEvent } from '../index.js'
import type { Messages } from './messages.js'
import { plainLines, stateOf } from './progress.js'
import type { Snapshot, View } from './snapshot.js'
import { count, counted, duration, plain } from './text.js'

const REDRAW_MS = 250
const ROWS = 12
// A server may send any number of made-up collections.
const MAX_NAMES = 1000
const OTHERS = '(others)'

/** The collection of a commit, or the kind of any other event. */
export const nameOfEvent = (event: JetstreamEvent | FirehoseEvent): string =>
  event.kind === 'commit' ? event.commit.collection : event.kind

/** Counts events by name. */
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
 * A table that is rewritten in place on a terminal with escape sequences. Elsewhere one line per
 * second, and the table at the end. Nothing with `--quiet`.
 */
export function liveTable<E>(
  messages: Messages,
  counts: TableCounts<E>,
  hint: readonly string[] = [],
): View | undefined {
  if (messages.options.quiet) return undefined
  const hints = hint.length === 0 ? [] : ['', ...hint]
  if (!messages.ansi) {
    const printAll = (snapshot: Snapshot) => {
      for (const line of [...tableOf(snapshot, counts), ...hints]) messages.info(line)
    }
    return { ...plainLines(messages), end: printAll }
  }
  const draw = (snapshot: Snapshot) =>
    messages.region.draw([...tableOf(snapshot, counts), ...hints])
  return {
    when: () => interval(REDRAW_MS),
    show: draw,
    end: (snapshot) => {
      draw(snapshot)
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
    [
      counted(events, 'event'),
      `${count(perSecond)}/s`,
      `lag ${lag}`,
      `${count(metrics.dropped)} dropped`,
    ].join('  '),
    ...rows.slice(0, ROWS).map(([name, n]) => row(name, n, total)),
    ...(hidden > 0 ? [row(`and ${rows.length - ROWS} more`, hidden, total)] : []),
  ]
}

function row(name: string, n: number, total: number): string {
  const share = `${Math.round((100 * n) / Math.max(1, total))} %`
  return `  ${plain(name).slice(0, 40).padEnd(40)}  ${count(n).padStart(11)}  ${share.padStart(5)}`
}
