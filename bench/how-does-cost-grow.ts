/**
 * Does an event cost more when there are more collections, more events before it, more hosts or
 * more DIDs? Each size in a fresh process; the slope is the exponent of the cost over the size: 0
 * is flat, 1 is a cost that doubles with the size.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { CONTROL } from './growth/loads.js'
import type { Costs, Measurement } from './growth/measure.js'
import type { Commits } from './growth/serve-firehose.js'
import { start } from './tools/child.js'
import { table, whole } from './tools/table.js'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    events: { type: 'string' },
    only: { type: 'string', default: '' },
    profile: { type: 'boolean' },
  },
})
const rounds = Number(flags.rounds ?? (flags.quick ? 2 : 3))
const events = Number(flags.events ?? (flags.quick ? 200_000 : 10_000_000))
// Loose: larger tables are in slower memory, which alone is a slope of 0.1 to 0.15, and a short run
// meets the moods of the machine. A list that is searched has 0.45 and more.
const STEEPEST = flags.quick ? 0.3 : 0.2

interface Growth {
  readonly load: string
  readonly sizes: readonly number[]
  /** Events before the clock starts, and those that are timed. */
  readonly warmup: number
  readonly timed: number
}

const few = flags.quick ? 4 : 1
const GROWTHS: readonly Growth[] = [
  {
    load: 'collections routed by ingest',
    sizes: flags.quick ? [1, 1000] : [1, 10, 100, 1000],
    warmup: 400_000 / few,
    timed: 1_600_000 / few,
  },
  {
    load: 'hosts read side by side',
    sizes: flags.quick ? [1, 50] : [1, 10, 100],
    warmup: 80_000 / few,
    timed: 240_000 / few,
  },
  {
    load: 'DIDs filtered on our side',
    sizes: flags.quick ? [10, 100_000] : [10, 1000, 100_000],
    warmup: 10_000 / few,
    timed: 28_000 / few,
  },
  {
    load: CONTROL,
    sizes: flags.quick ? [1, 4000] : [1, 10, 100, 1000, 4000],
    warmup: 40_000,
    timed: 120_000,
  },
]
// The first of them compile the code.
const EVENTS = 'events received before'
const marks = [0.2, 0.4, 0.6, 0.8, 1].map((part) => Math.round(part * events))

interface Line {
  readonly load: string
  readonly sizes: readonly number[]
  readonly costs: readonly number[]
}

console.log(`µs of CPU an event by size, least of ${rounds} rounds`)
console.log(`Node ${process.version}, ${cpus()[0]?.model.trim()} × ${cpus().length}\n`)
process.exitCode = report(await measure())

async function measure(): Promise<readonly Line[]> {
  const endless = start<number>('growth/serve', {})
  const { warmup = 0, timed = 0 } = GROWTHS.find(({ load }) => load.startsWith('DIDs')) ?? {}
  const offer: Commits = { count: warmup + timed + 2000 }
  const firehose = start<string>('growth/serve-firehose', offer)
  const servers = { jetstream: await endless.answer(), firehose: await firehose.answer() }
  const lines: Line[] = []
  for (const growth of GROWTHS.filter(({ load }) => load.includes(flags.only)))
    lines.push(await grown(growth, servers))
  if (EVENTS.includes(flags.only)) lines.push(await overTime(servers))
  await Promise.all([endless.stop(), firehose.stop()])
  return lines
}

/** Each size is a process; the rounds go over all of them. */
async function grown(growth: Growth, servers: Measurement['servers']): Promise<Line> {
  const { load, sizes, warmup, timed } = growth
  const costs = sizes.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < rounds; round += 1)
    for (const [index, size] of sizes.entries()) {
      const [cost = 0] = await run({ load, size, servers, marks: [warmup, warmup + timed] })
      costs[index] = Math.min(costs[index] ?? cost, cost)
    }
  return { load, sizes, costs }
}

/** One process, whose events are timed in five parts. */
async function overTime(servers: Measurement['servers']): Promise<Line> {
  const costs = await run({ load: EVENTS, size: 1, servers, marks: [...marks] })
  return { load: EVENTS, sizes: marks.slice(1), costs }
}

async function run(measurement: Measurement): Promise<Costs> {
  const child = start<Costs>('growth/measure', measurement)
  const costs = await child.answer()
  await child.stop()
  return costs
}

/** Of the line through the logarithms, by least squares. */
function slopeOf({ sizes, costs }: Line): number {
  const [xs, ys] = [sizes.map(Math.log10), costs.map(Math.log10)]
  const [x, y] = [mean(xs), mean(ys)]
  const sum = (of: (index: number) => number) => xs.reduce((all, _, index) => all + of(index), 0)
  const dx = (index: number) => (xs[index] ?? 0) - x
  return sum((index) => dx(index) * ((ys[index] ?? 0) - y)) / sum((index) => dx(index) ** 2)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function report(lines: readonly Line[]): number {
  const rows = lines.map((line) => [
    line.load,
    line.sizes.map((size, index) => `${whole(size)}: ${line.costs[index]?.toFixed(2)}`).join('  '),
    slopeOf(line).toFixed(2),
  ])
  console.log(table([['', 'size: µs of CPU an event', 'slope'], ...rows]))
  console.log(`\nthe steepest slope that passes: ${STEEPEST}; the control must be steeper`)
  const wrong = lines.filter((line) => slopeOf(line) > STEEPEST !== (line.load === CONTROL))
  for (const { load } of wrong)
    console.error(load === CONTROL ? 'FAILED: the control is not caught' : `FAILED: ${load} grow`)
  return wrong.length === 0 ? 0 : 1
}
