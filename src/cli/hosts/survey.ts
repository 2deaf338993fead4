import { dialBoth, isOpen, openingsOf, type Probes, type Wire } from '../doctor/stream-checks.js'
import { Probe } from '../probe.js'
import { count, duration } from '../text.js'

/** How a host did. */
export interface HostReport {
  readonly host: string
  /** Those that could be opened. */
  readonly wires: readonly Wire[]
  /** Of the newest wire, in milliseconds. */
  readonly handshakeMs: number | undefined
  /** The median age of the first events, by our clock, in milliseconds. */
  readonly lagMs: number | undefined
  readonly perSecond: number | undefined
  /** How many events of each name came. */
  readonly byName: ReadonlyMap<string, number>
  /** Why it could not be opened, or ended. */
  readonly error: string | undefined
}

const HANDSHAKE_MS = 4000

/**
 * Dials both wires for their latency, then listens to the newer one. Throws `ConfigError` at the
 * call for a host that is none.
 */
export function survey(host: string, listenMs: number): Promise<HostReport> {
  const limits = { handshakeMs: HANDSHAKE_MS, listenMs: 0, until: 'first event' } as const
  return reported(host, dialBoth(host, limits), listenMs)
}

async function reported(host: string, probes: Probes, listenMs: number): Promise<HostReport> {
  const openings = await openingsOf(probes)
  const wires = (['v2', 'v1'] as const).filter((wire) => isOpen(openings[wire]))
  const [wire] = wires
  const { error } = openings.v2 ?? openings.v1 ?? {}
  const none = { host, wires, lagMs: undefined, perSecond: undefined, byName: new Map() }
  if (wire === undefined) return { ...none, handshakeMs: undefined, error: error?.message }
  const probe = new Probe({ host, wire }, { handshakeMs: HANDSHAKE_MS, listenMs, until: 'the end' })
  await probe.over
  return {
    host,
    wires,
    handshakeMs: openings[wire]?.ms,
    lagMs: median(probe.agesMs),
    perSecond: (probe.events * 1000) / listenMs,
    byName: probe.byName,
    error: probe.error?.message,
  }
}

function median(values: readonly number[]): number | undefined {
  const middle = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
  return middle === undefined ? undefined : Math.max(0, middle)
}

const HEAD = ['host', 'wires', 'handshake', 'lag', 'events/s']

/** The reports as a table: the host on the left, figures on the right. */
export function hostTable(reports: readonly HostReport[], columns: number): readonly string[] {
  const rows = reports.map(({ host, wires, handshakeMs, lagMs, perSecond }) => [
    host,
    wires.join(' ') || '-',
    shown(handshakeMs, duration),
    shown(lagMs, duration),
    shown(perSecond, count),
  ])
  const widths = HEAD.map((head, index) =>
    Math.max(head.length, ...rows.map((row) => row[index]?.length ?? 0)),
  )
  const [hostWidth = 0, ...others] = widths
  const left = columns - others.reduce((sum, width) => sum + width + GAP.length, 0)
  const fitted = [Math.max(10, Math.min(hostWidth, left)), ...others]
  return [HEAD, ...rows].map((row) =>
    row
      .map((cell, index) => padded(cell, fitted[index] ?? 0, index))
      .join(GAP)
      .trimEnd(),
  )
}

const GAP = '  '

const shown = (value: number | undefined, format: (value: number) => string): string =>
  value === undefined ? '-' : format(value)

const padded = (cell: string, width: number, column: number): string => {
  if (column === 0)
    return (cell.length > width ? `${cell.slice(0, width - 1)}…` : cell).padEnd(width)
  return column === 1 ? cell.padEnd(width) : cell.padStart(width)
}

// So many events of a collection are no chance.
const LEAST_EVENTS = 20

/** What stands out: errors, and collections that a host alone did not send. */
export function remarks(reports: readonly HostReport[]): readonly string[] {
  return reports.flatMap((report) => {
    const { host, error, perSecond } = report
    if (error !== undefined) return [`${host}: ${error}`]
    if (!perSecond) return [`${host}: open, and sent nothing`]
    const missing = missingAt(report, reports)
    return missing.length === 0 ? [] : [`${host}: sent no ${missing.join(', ')}, which others did`]
  })
}

/** The names that another host sent often, and this one never. */
const missingAt = ({ byName }: HostReport, reports: readonly HostReport[]): readonly string[] => {
  const frequent = reports.flatMap((other) =>
    [...other.byName].filter(([, events]) => events >= LEAST_EVENTS).map(([name]) => name),
  )
  return [...new Set(frequent)].filter((name) => !byName.has(name)).sort()
}
