/**
 * Who survives what? The same faults, one at a time, for this library and for others that read a
 * Jetstream or a Tap. A fake server with the fault plays 300 different events to each contender,
 * over loopback; in the end, the events that each one has are counted.
 */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { type Case, EVENTS, JETSTREAM_CASES, TAP_CASES } from './survival/cases.js'
import { JETSTREAMS, TAPS } from './survival/contenders.js'
import { runCase, type Survival } from './survival/run-case.js'
import { table } from './tools/table.js'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    only: { type: 'string', default: '' },
  },
})
const limitMs = Number(flags.seconds ?? (flags.quick ? 15 : 20)) * 1000

const HEAD = ['', 'missing', 'reported', 'twice', 'dials', 'too early', 'seconds', 'ended']

type Outcomes = ReadonlyMap<string, Survival>

interface Race {
  readonly cases: readonly Case[]
  readonly rows: readonly Outcomes[]
}

console.log(`Node ${process.version}, ${cpus()[0]?.model.trim()} × ${cpus().length}`)
console.log(`${EVENTS} events; whoever has them not all after ${limitMs / 1000} s has lost them\n`)
const all = await Promise.all([
  race(JETSTREAM_CASES, Object.keys(JETSTREAMS)),
  race(TAP_CASES, Object.keys(TAPS)),
])
report('A Jetstream', all[0], Object.keys(JETSTREAMS))
report('A Tap', all[1], Object.keys(TAPS))

/** All at once: they wait most of the time. */
async function race(all: readonly Case[], contenders: readonly string[]): Promise<Race> {
  const cases = all.filter(
    ({ name, isQuick }) => name.includes(flags.only) && (isQuick || !flags.quick),
  )
  const rows = await Promise.all(cases.map((one) => raced(one, contenders)))
  return { cases, rows }
}

function report(
  heading: string,
  { cases, rows }: Race,
  [ours = '', ...others]: readonly string[],
): void {
  const contenders = [ours, ...others]
  console.log(`${table([HEAD, ...cases.flatMap((one, n) => details(one, rows[n]))])}\n`)
  const cells = cases.map(({ name }, n) => [
    name,
    ...contenders.map((contender) => cellOf(rows[n]?.get(contender))),
  ])
  for (const line of [['', ...contenders], contenders.map(() => '---').concat('---'), ...cells])
    console.log(`| ${line.join(' | ')} |`)
  console.log()
  for (const [n, { name }] of cases.entries()) judge(name, ours, rows[n]?.get(ours))
  compare(heading, cells)
}

async function raced(one: Case, contenders: readonly string[]): Promise<Outcomes> {
  const survivals = contenders.map(
    async (name) => [name, await runCase(one, name, limitMs)] as const,
  )
  return new Map(await Promise.all(survivals))
}

function details({ name }: Case, outcomes: Outcomes = new Map()): readonly string[][] {
  return [...outcomes].map(([contender, survival]) => [
    `${name}: ${contender}`,
    ...[survival.missing, survival.reported, survival.twice, survival.dials].map(String),
    String(survival.early),
    survival.seconds.toFixed(1),
    survival.ended?.slice(0, 60) ?? '',
  ])
}

/** What the docs quote: nothing that depends on the moment. */
function cellOf(survival: Survival | undefined): string {
  if (survival === undefined) return ''
  const { missing, reported, twice, early, ended } = survival
  if (ended !== undefined) return 'ended'
  const words = [
    ...(missing > 0 ? [missingOf(missing, reported)] : []),
    ...(twice > 0 ? ['some twice'] : []),
    ...(early > 0 ? ['too early'] : []),
  ]
  return words.length === 0 ? 'all' : words.join(', ')
}

/** Half of them, all, or as many as were reported: other numbers depend on the moment. */
function missingOf(missing: number, reported: number): string {
  if (reported >= missing) return `${missing} missing, reported`
  return missing % (EVENTS / 2) === 0 ? `${missing} missing` : 'some missing'
}

function judge(name: string, ours: string, survival: Survival | undefined): void {
  if (survival === undefined) return
  const { missing, reported, ended, early, hasFired } = survival
  if (hasFired && missing <= reported && ended === undefined && early === 0) return
  console.error(`FAILED: ${name}: ${ours} ${hasFired ? cellOf(survival) : 'never met the fault'}`)
  process.exitCode = 1
}

/** Ours repeats nothing where the docs say nothing of it. What others do is only told. */
function compare(heading: string, cells: readonly (readonly string[])[]): void {
  const [, section = ''] = readFileSync('docs/survival.md', 'utf8').split(`\n## ${heading}\n`)
  for (const [name = '', ours = '', ...others] of cells) {
    const line = section.split('\n').find((text) => text.startsWith(`| ${name} | `)) ?? ''
    const quoted = line.slice(2, -2).split(' | ')
    if ([name, ours, ...others].join() === quoted.join()) continue
    console.log(`the docs say otherwise: ${line === '' ? `nothing of ${name}` : line}`)
    const isNew = ours.includes('twice') && !quoted[1]?.includes('twice')
    if (line === '' || isNew) process.exitCode = 1
  }
}
