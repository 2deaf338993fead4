/**
 * Kills readers of every source at random points, and compares what was sent with what was handled.
 *
 * Each scenario kills its readers again and again. Its servers live in this process: they know what
 * they sent, and have faults of their own. Readers with a known defect run too, and must be caught.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { table, whole } from '../bench/tools/table.js'
import { CONTROLS } from './controls.js'
import { Processes } from './process-life.js'
import { runScenario, type ScenarioReport } from './run-scenario.js'
import type { ScenarioPlan } from './scenario.js'
import { SCENARIOS } from './scenarios/index.js'
import { DEFECTS, type Defect } from './work.js'

const { values: flags } = parseArgs({
  options: {
    kills: { type: 'string', default: '500' },
    seconds: { type: 'string' },
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
    only: { type: 'string', default: '' },
    break: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})
// How many scenarios run side by side.
const LANES = 2
// How many kills a defect has to show itself.
const KILLS_OF_A_CONTROL = 12
// How many controls a run that is bounded by time includes, and what each costs of that time.
const CONTROLS_IN_SHORT = 2
const CONTROL_MS = 6000
// What the readers that nobody kills need at the end of each scenario.
const FINISH_MS = 1500
const HEAD = [
  ...['', 'sent', 'handled', 'missing', 'in gaps', 'repeated', 'allowed'],
  ...['gaps', 'kills', 'at work', 'faults', ''],
]

/** One scenario, or one with a reader that has a defect. */
interface Turn {
  readonly title: string
  readonly plan: ScenarioPlan
  readonly defect?: Defect
}

const seed = Number(flags.seed)
const folder = mkdtempSync(join(tmpdir(), 'soak-'))
const scenarios = flags.break === undefined ? chosenScenarios() : []
const controls = chosenControls()
if (scenarios.length + controls.length === 0) throw new Error('no scenario has this name')
const kills = Math.ceil(Number(flags.kills) / Math.max(1, scenarios.length))
const milliseconds = timeOfEach()

console.log(`seed ${seed}: ${scenarios.length} scenarios, ${controls.length} with a defect`)
const rows: (readonly string[])[] = [HEAD]
const reports: ScenarioReport[] = []
const waiting = [...scenarios, ...controls]
await Promise.all(Array.from({ length: LANES }, takeTurns))
console.log(`${table(rows)}\n\n${totals()}; seed ${seed}`)
if (process.exitCode === undefined && !flags.keep) rmSync(folder, { recursive: true, force: true })
else console.log(`the journals are in ${folder}`)

function chosenScenarios(): readonly Turn[] {
  const chosen = SCENARIOS.filter(({ name }) => name.includes(flags.only))
  return chosen.map((plan) => ({ title: plan.name, plan }))
}

function chosenControls(): readonly Turn[] {
  const { break: broken, only, seconds } = flags
  if (![undefined, 'all', ...DEFECTS].includes(broken as Defect | undefined)) {
    throw new Error(`--break takes 'all' or one of: ${DEFECTS.join(', ')}`)
  }
  const all = CONTROLS.flatMap(({ defect, scenario }) =>
    SCENARIOS.filter(({ name }) => name === scenario).map((plan) => ({
      title: `${scenario}: ${defect}`,
      plan,
      defect,
    })),
  )
  if (broken !== undefined) return all.filter(({ defect }) => broken === 'all' || defect === broken)
  const chosen = all.filter(({ title }) => title.includes(only))
  return seconds === undefined ? chosen : chosen.slice(0, CONTROLS_IN_SHORT)
}

/** An equal share for each scenario. */
function timeOfEach(): number {
  if (flags.seconds === undefined) return Number.POSITIVE_INFINITY
  const all = Number(flags.seconds) * 1000 * LANES - controls.length * CONTROL_MS
  return Math.max(0, all / Math.max(1, scenarios.length) - FINISH_MS)
}

async function takeTurns(): Promise<void> {
  for (let turn = waiting.shift(); turn !== undefined; turn = waiting.shift()) await take(turn)
}

async function take(turn: Turn): Promise<void> {
  const report = await reported(turn)
  const isRight =
    report !== undefined && (turn.defect === undefined) === (report.wrong.length === 0)
  if (!isRight) process.exitCode = 1
  if (report === undefined) return
  for (const sentence of report.wrong) console.log(`${turn.title}: ${sentence}`)
  rows.push(rowOf(turn, report, isRight))
  if (turn.defect === undefined) reports.push(report)
}

/** `undefined` where the scenario itself failed. */
async function reported({ title, plan, defect }: Turn): Promise<ScenarioReport | undefined> {
  const own = join(folder, title.replaceAll(/\W+/g, '-'))
  const place = { seed, folder: own, world: new Processes(own), defect }
  const isControl = defect !== undefined
  const bounds = isControl
    ? { kills: KILLS_OF_A_CONTROL, milliseconds: Number.POSITIVE_INFINITY }
    : { kills, milliseconds }
  try {
    return await runScenario(plan, { ...place, ...bounds })
  } catch (error) {
    console.error(`${title}:`, error)
    return undefined
  }
}

function rowOf(
  { title, defect }: Turn,
  report: ScenarioReport,
  isRight: boolean,
): readonly string[] {
  const { verdict, kills, killsAtWork, faults } = report
  const { sent, handled, missing, inGaps, repeated, bound, gaps } = verdict
  const counts = [sent, handled, missing.length, inGaps, repeated, bound, gaps.length]
  const [good, bad] = defect === undefined ? ['ok', 'FAILED'] : ['caught', 'NOT CAUGHT']
  return [title, ...[...counts, kills, killsAtWork, faults].map(whole), isRight ? good : bad]
}

function totals(): string {
  const sum = (of: (report: ScenarioReport) => number) =>
    whole(reports.reduce((all, report) => all + of(report), 0))
  return [
    `${sum(({ verdict }) => verdict.sent)} sent`,
    `${sum(({ verdict }) => verdict.handled)} handled`,
    `${sum(({ verdict }) => verdict.missing.length)} missing`,
    `${sum(({ verdict }) => verdict.inGaps)} in gaps`,
    `${sum(({ verdict }) => verdict.repeated)} repeated`,
    `${sum((report) => report.kills)} kills`,
  ].join(', ')
}
