import { type BehaviorSubject, type Observer, skip } from 'rxjs'
import { type StreamMetrics, streamMetrics } from '../../delivery/metrics.js'
import { tell } from '../../internal/tell.js'

/** The connection that needs most attention comes first. */
const STATES = ['waiting', 'connecting', 'paused', 'open', 'idle', 'closed'] as const

interface Part {
  readonly metrics$: BehaviorSubject<StreamMetrics>
  readonly isIdle: () => boolean
}

/** The metrics of several connections as those of one stream. */
export class SummedMetrics {
  readonly #parts: Part[] = []

  constructor(private readonly metrics$: Partial<Observer<StreamMetrics>> | undefined) {}

  /** The subject of one more connection. `isIdle`: whether it has nothing to read. */
  join(isIdle: () => boolean): BehaviorSubject<StreamMetrics> {
    const part$ = streamMetrics()
    this.#parts.push({ metrics$: part$, isIdle })
    // Never unsubscribed: what is open at the end is still counted.
    part$.pipe(skip(1)).subscribe(() => this.#publish())
    return part$
  }

  #publish(): void {
    const reading = this.#parts.filter(({ isIdle }) => !isIdle())
    const all = this.#parts.map(({ metrics$ }) => metrics$.value)
    tell(this.metrics$, sumOf(all, reading.length === 0 ? all : reading.map(valueOfPart)))
  }
}

const valueOfPart = ({ metrics$ }: Part): StreamMetrics => metrics$.value

/** `reading`: those whose connections and positions count. */
export function sumOf(
  parts: readonly StreamMetrics[],
  reading: readonly StreamMetrics[] = parts,
): StreamMetrics {
  const [first] = parts
  if (first === undefined || parts.length === 1) return first ?? streamMetrics().value
  const total: Record<string, unknown> = { ...first }
  for (const [name, value] of Object.entries(first))
    if (typeof value === 'number') total[name] = sum(parts.map((part) => numberOf(part, name)))
  const [worst = first] = [...reading].sort((a, b) => rank(a) - rank(b))
  const [newest = first] = [...parts].sort((a, b) => (b.lastEventAt ?? 0) - (a.lastEventAt ?? 0))
  return Object.freeze({
    ...(total as unknown as StreamMetrics),
    unroutedKinds: sumOfKinds(parts.map(({ unroutedKinds }) => unroutedKinds)),
    connection: worst.connection,
    currentBackoffMs: worst.currentBackoffMs,
    lastEventAt: newest.lastEventAt,
    idleMs: newest.idleMs,
    lagMs: newest.lagMs,
    cursor: least(reading.map(({ cursor }) => cursor)),
    // Nothing is saved before each of them has a position.
    checkpoint: reading.some(({ checkpoint }) => checkpoint === undefined)
      ? undefined
      : least(reading.map(({ checkpoint }) => checkpoint)),
  })
}

const rank = ({ connection: { state } }: StreamMetrics): number =>
  (STATES as readonly string[]).indexOf(state)

const numberOf = (part: StreamMetrics, name: string): number =>
  Number((part as unknown as Record<string, unknown>)[name] ?? 0)

const sum = (values: readonly number[]): number => values.reduce((one, other) => one + other, 0)

function sumOfKinds(counts: readonly StreamMetrics['unroutedKinds'][]) {
  const total: Record<string, number> = {}
  for (const [kind, count] of counts.flatMap((each) => Object.entries(each)))
    total[kind] = (total[kind] ?? 0) + count
  return Object.freeze(total)
}

const least = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
