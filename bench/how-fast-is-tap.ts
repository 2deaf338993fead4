/**
 * How fast is tap$ with acks, beside the channel of @atproto/tap and a bare `ws` loop? 1,000
 * repositories write live events, of which a Tap sends the next one when the last one is acked; a
 * handler takes 10 ms, or no time. Each contender has a server and a process of its own.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import type { TapRace, TapResult } from './tap/contend.js'
import { AWAITED, CONTENDERS, FLOOR, PLAIN } from './tap/contenders.js'
import type { TapOffer } from './tap/serve.js'
import { start } from './tools/child.js'
import { mebibytes, median } from './tools/statistics.js'
import { table, whole } from './tools/table.js'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    profile: { type: 'boolean' },
  },
})
const seconds = Number(flags.seconds ?? (flags.quick ? 2 : 8))
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 3))
const dids = 1000
const HANDLERS_MS = [10, 0]
// The loop keeps no order, no bound and no memory of what is acked: twice its cost is no failure,
// four times is one.
const GROSS_FAILURE = 0.25

type Results = ReadonlyMap<string, readonly TapResult[]>

console.log(
  `${whole(dids)} repositories, live events; ${seconds} s after a warm-up, ` +
    `${rounds} rounds, medians`,
)
console.log(`Node ${process.version}, ${cpus()[0]?.model.trim()} × ${cpus().length}`)
process.exitCode = 0
for (const handlerMs of HANDLERS_MS) report(handlerMs, await race(handlerMs))

async function race(handlerMs: number): Promise<Results> {
  const all = new Map<string, TapResult[]>(Object.keys(CONTENDERS).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const [name, results] of all) results.push(await run(name, handlerMs))
  return all
}

async function run(contender: string, handlerMs: number): Promise<TapResult> {
  const offer: TapOffer = { dids }
  const server = start<string>('tap/serve', offer)
  const task: TapRace = {
    contender,
    url: await server.answer(),
    handlerMs,
    atOnce: dids,
    warmupSeconds: flags.quick ? 1 : 2,
    seconds,
  }
  const profiling = flags.profile
    ? ['--cpu-prof', '--cpu-prof-dir=.tmp/profiles', `--cpu-prof-name=tap-${handlerMs}.cpuprofile`]
    : []
  const child = start<TapResult>('tap/contend', task, contender === PLAIN ? profiling : [])
  const result = await child.answer()
  await Promise.all([child.stop(), server.stop()])
  return result
}

function report(handlerMs: number, results: Results): void {
  const head = ['', 'events/s', 'µs of CPU an event', 'RSS (MiB)', `× ${AWAITED}`]
  const rows = [...results.keys()].map((name) => row(name, results))
  console.log(`\nA handler of ${handlerMs} ms\n\n${table([head, ...rows])}`)
  for (const [name, runs] of results) {
    const failed = runs.find(({ failure }) => failure !== undefined)
    if (failed !== undefined)
      console.log(
        `${name} is left out: it does not run on Node ${process.version} (${failed.failure})`,
      )
  }
  const ratio = costOf(results, FLOOR) / costOf(results, PLAIN)
  console.log(
    `\n${PLAIN} is at ${ratio.toFixed(2)} of ${FLOOR} by CPU, at ` +
      `${(rateOf(results, PLAIN) / rateOf(results, FLOOR)).toFixed(2)} by rate`,
  )
  if (ratio >= GROSS_FAILURE) return
  console.error(
    `FAILED: ${PLAIN} is at ${ratio.toFixed(2)} by CPU, and less than ${GROSS_FAILURE} is no noise`,
  )
  process.exitCode = 1
}

function row(name: string, results: Results): readonly string[] {
  const runs = results.get(name) ?? []
  if (runs.some(({ failure }) => failure !== undefined)) return [name, '-', '-', '-', '-']
  return [
    name,
    whole(rateOf(results, name)),
    costOf(results, name).toFixed(1),
    whole(median(runs.map(({ rssBytes }) => mebibytes(rssBytes)))),
    (rateOf(results, name) / rateOf(results, AWAITED)).toFixed(1),
  ]
}

function rateOf(results: Results, name: string): number {
  return median((results.get(name) ?? []).map(({ handled, seconds }) => handled / seconds))
}

/** Microseconds of CPU an event. */
function costOf(results: Results, name: string): number {
  return median(
    (results.get(name) ?? []).map(({ cpuSeconds, handled }) => (cpuSeconds / handled) * 1e6),
  )
}
