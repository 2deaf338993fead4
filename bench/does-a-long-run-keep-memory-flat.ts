/**
 * Does a long run keep memory flat? Ten million events through `jetstream$`, parsed and lazy, with
 * a checkpoint: the resident set at the end is the one of the beginning. A third program keeps one
 * event in a hundred for ever, and must be caught.
 */
import { parseArgs } from 'node:util'
import type { Soak, Soaked } from './soak/read.js'
import { start } from './tools/child.js'
import { mebibytes, median } from './tools/statistics.js'
import { table, whole } from './tools/table.js'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    events: { type: 'string' },
    soak: { type: 'boolean', default: false },
  },
})
const events = Number(flags.events ?? (flags.quick && !flags.soak ? 300_000 : 10_000_000))
const KEPT = 100_000
const MOST_GROWTH_MIB = 32

const programs: readonly (readonly [string, Pick<Soak, 'decode' | 'kept'>])[] = [
  ['jetstream$', { decode: 'eager', kept: 0 }],
  ['jetstream$ lazy', { decode: 'lazy', kept: 0 }],
  [`jetstream$ lazy, ${whole(KEPT)} events kept`, { decode: 'lazy', kept: KEPT }],
]

const rows: (readonly string[])[] = [['', 'events', 'MiB early', 'MiB late', 'grew']]
for (const [name, program] of programs) {
  const { received, rss } = await run(program)
  const [early, late] = [quarter(rss, 1), quarter(rss, 3)]
  rows.push([name, whole(received), early.toFixed(0), late.toFixed(0), (late - early).toFixed(0)])
  const mustGrow = program.kept > 0
  if (received !== events || mustGrow !== late - early > MOST_GROWTH_MIB) {
    const what = mustGrow
      ? 'did not grow, so the others prove nothing'
      : `grew by ${(late - early).toFixed(0)} MiB`
    console.error(`FAILED: ${name} ${what}`)
    process.exitCode = 1
  }
}
console.log(
  `${table(rows)}\n\nearly: the second quarter of the run, late: the last one; at most ` +
    `${MOST_GROWTH_MIB} MiB between them`,
)

async function run(program: Pick<Soak, 'decode' | 'kept'>): Promise<Soaked> {
  const server = start<string>('soak/serve', { events })
  const reader = start<Soaked>('soak/read', {
    ...program,
    url: await server.answer(),
    events,
  } satisfies Soak)
  const soaked = await reader.answer()
  await reader.stop()
  await server.stop()
  return soaked
}

/**
 * The median of a quarter, counted from 0: what the collector has not yet come to is in it, and the
 * peaks are not.
 */
function quarter(rss: readonly number[], index: number): number {
  const length = rss.length / 4
  return mebibytes(median(rss.slice(index * length, (index + 1) * length)))
}
