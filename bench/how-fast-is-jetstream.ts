/**
 * How fast is jetstream$, beside a bare `ws` + JSON.parse loop, rxjs's own webSocket and the other
 * clients? One run, one server in a process of its own, each contender in a fresh process, in
 * rounds so that a slow moment of the machine meets all of them.
 */
import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Race, Result } from './speed/contend.js'
import type { Servers } from './speed/contender.js'
import {
  CONTENDERS,
  FLOOR,
  INGEST,
  LAZY,
  LINES,
  NAIVE_ZSTD,
  PASSED_ON,
  PLAIN,
  RAW,
  V2,
  ZSTD,
} from './speed/contenders.js'
import { start } from './tools/child.js'
import { runOnNode24 } from './tools/node24.js'
import type { Offer } from './tools/serve.js'
import { median } from './tools/statistics.js'
import { table, whole } from './tools/table.js'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    events: { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string', default: '' },
    profile: { type: 'boolean', default: false },
    node24: { type: 'boolean', default: false },
  },
})
const events = Number(flags.events ?? (flags.quick ? 50_000 : 250_000))
const rounds = Number(flags.rounds ?? (flags.quick ? 2 : 5))
const warmup = Math.min(100_000, events / 2)
const names = Object.keys(CONTENDERS).filter(
  (name) => name === FLOOR || name === PLAIN || name === INGEST || name.includes(flags.only),
)
// A line, what it is measured by, what it should reach, and below what it is no noise any more.
const TARGETS: readonly (readonly [string, string, number, number])[] = [
  [PLAIN, FLOOR, 1.4, 0.5],
  [INGEST, PLAIN, 0.9, 0.5],
  [LAZY, FLOOR, 2.5, 0.9],
  [RAW, FLOOR, 1.7, 0.9],
  [PASSED_ON, FLOOR, 3, 0.9],
  [LINES, FLOOR, 5, 0.9],
  // The first is for the portable decoder, the second for `zstd-napi`.
  [ZSTD, NAIVE_ZSTD, 1.3, 0.8],
  [ZSTD, V2, 0.6, 0.2],
]

if (flags.node24) runOnNode24(import.meta.url)
else await measure()

type Results = ReadonlyMap<string, readonly Result[]>

async function measure(): Promise<void> {
  const offer: Offer = { events: warmup + events }
  const dictionary = resolve(import.meta.dirname, '../../spec/zstd/dictionaries/1111.zdict')
  const legacy = start<string>('tools/serve', offer)
  const second = start<string>('tools/serve', {
    ...offer,
    server: 'v2',
    dictionary,
  } satisfies Offer)
  const results = await race({ v1: await legacy.answer(), v2: await second.answer() })
  await Promise.all([legacy.stop(), second.stop()])
  process.exitCode = report(results)
}

async function race(servers: Servers): Promise<Results> {
  const all = new Map<string, Result[]>(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const contender of names) all.get(contender)?.push(await run(contender, servers))
  return all
}

async function run(contender: string, servers: Servers): Promise<Result> {
  const profiling = flags.profile
    ? ['--cpu-prof', '--cpu-prof-dir=.tmp/profiles', `--cpu-prof-name=${contender}.cpuprofile`]
    : []
  const task: Race = { contender, servers, warmup, events }
  const child = start<Result>('speed/contend', task, profiling)
  const result = await child.answer()
  await child.stop()
  return result
}

function report(results: Results): number {
  console.log(
    `${whole(events)} generated events after ${whole(warmup)} to warm up, ` +
      `${rounds} rounds, medians`,
  )
  console.log(`Node ${process.version}, ${cpus()[0]?.model.trim()} × ${cpus().length}\n`)
  const head = [
    '',
    'events/s',
    'µs of CPU an event',
    '(least … most)',
    'ratio by CPU',
    'by least CPU',
    'by time',
    'withheld',
  ]
  console.log(table([head, ...names.map((name) => row(name, results))]))
  console.log(
    `\nratios: to ${FLOOR} of the same round (least: of the best rounds); withheld: ` +
      `received, and not shown to the program`,
  )
  for (const [name, other, target] of targets()) console.log(verdict(results, name, other, target))
  return failures(results).map((failure) => console.error(`FAILED: ${failure}`)).length === 0
    ? 0
    : 1
}

function row(name: string, results: Results): readonly string[] {
  const own = results.get(name) ?? []
  const costs = own.map(cost)
  return [
    name,
    whole(median(own.map(({ received, seconds }) => received / seconds))),
    median(costs).toFixed(2),
    `(${Math.min(...costs).toFixed(2)} … ${Math.max(...costs).toFixed(2)})`,
    ratio(results, name, FLOOR).toFixed(2),
    leastRatio(results, name, FLOOR).toFixed(2),
    ratio(results, name, FLOOR, (result) => result.seconds).toFixed(2),
    whole(median(own.map(({ withheld }) => withheld))),
  ]
}

/** Microseconds of CPU an event. */
function cost({ cpuSeconds, received }: Result): number {
  return (cpuSeconds / received) * 1e6
}

/**
 * How many times as fast as `other`, of the same round: the machine's mood is then that of both.
 */
function ratio(results: Results, name: string, other: string, of = cost): number {
  const others = results.get(other) ?? []
  return median(
    (results.get(name) ?? []).map((result, round) => of(others[round] ?? result) / of(result)),
  )
}

/** Of the round that met the least disturbance: on a busy machine it says more than the median. */
function leastRatio(results: Results, name: string, other: string): number {
  const least = (of: string) => Math.min(...(results.get(of) ?? []).map(cost))
  return least(other) / least(name)
}

function verdict(results: Results, name: string, other: string, target: number): string {
  const [middle, least] = [ratio(results, name, other), leastRatio(results, name, other)].map(
    (value) => value.toFixed(2),
  )
  return `${name} is at ${middle} of ${other} by CPU, ${least} by least CPU (target ${target})`
}

/** Those of what was run. */
function targets(): typeof TARGETS {
  return TARGETS.filter(([name, other]) => names.includes(name) && names.includes(other))
}

/**
 * A slow machine is none; a lost event is one, and so is a client far below the speed that it
 * should have.
 */
function failures(results: Results): readonly string[] {
  const lost = names.flatMap((name) => {
    const bad =
      /^jetstream(Chunks)?\$/.test(name) &&
      (results.get(name) ?? []).find(({ received, withheld }) => received < events || withheld > 0)
    return bad
      ? [`${name} received ${bad.received} of ${events} events and withheld ${bad.withheld}`]
      : []
  })
  const slow = targets().flatMap(([name, other, _target, least]) => {
    const most = Math.max(ratio(results, name, other), leastRatio(results, name, other))
    return most < least
      ? [`${name} is at ${most.toFixed(2)} of ${other}, and less than ${least} is no noise`]
      : []
  })
  return [...lost, ...slow]
}
