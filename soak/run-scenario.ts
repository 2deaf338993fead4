import { mkdirSync } from 'node:fs'
import { Dice } from './dice.js'
import type { Death } from './file-journal.js'
import type { JournalEntry, Kind } from './journal.js'
import type { Verdict } from './judge.js'
import type { Life, LifeWorld } from './life.js'
import type { ReaderPlan, Scenario, ScenarioPlan } from './scenario.js'
import type { Defect } from './work.js'

/** How far a scenario goes. */
export interface Limits {
  readonly seed: number
  readonly kills: number
  readonly milliseconds: number
  /** A folder of the scenario's own, made where it is absent. */
  readonly folder: string
  readonly world: LifeWorld
  readonly defect?: Defect | undefined
  /** How long nothing may move before a run is given up. @default 15_000 */
  readonly stuckAfterMs?: number | undefined
}

/** What became of it. */
export interface ScenarioReport {
  readonly name: string
  readonly verdict: Verdict
  readonly kills: number
  /** Those that met a reader with work in hand. */
  readonly killsAtWork: number
  readonly faults: number
  /** What is wrong; none: nothing is. */
  readonly wrong: readonly string[]
}

/** All that one life rolls, before it begins: how fast the machine is decides nothing. */
interface LifePlan {
  /** It dies by itself at an entry of its journal, or is killed from outside. */
  readonly death: Death | undefined
  /** Counted from the moment that it subscribes, or, for a few, from that of its birth. */
  readonly killAfterMs: number
  readonly killBeforeReady: boolean
  /** Messages that are there when it begins, and those that come while it runs. */
  readonly burst: number
  readonly trickle: number
  readonly amidAfterMs: number
  readonly seed: number
}

// A reader that has not met its death by then is killed where it stands.
const LONGEST_LIFE_MS = 2000
const STUCK_AFTER_MS = 15_000
const TRICKLE_MS = 5
// Most lives end soon: a fault that came later would meet few of them.
const LATEST_FAULT_MS = 60
const LAST_FAULTS = 3
// What the last readers get, so that they have something to do.
const LAST_BURST = 20

export async function runScenario(plan: ScenarioPlan, limits: Limits): Promise<ScenarioReport> {
  const { seed, folder } = limits
  mkdirSync(folder, { recursive: true })
  const dice = new Dice(seed, plan.name)
  await using scenario = await plan.open({ dice, seed, folder })
  // Awaited: the servers close when it returns.
  return await new ScenarioRun(plan.name, scenario, limits).report()
}

class ScenarioRun {
  readonly #until: number
  readonly #wrong: string[] = []
  #kills = 0
  #killsAtWork = 0
  #lives = 0

  constructor(
    private readonly name: string,
    private readonly scenario: Scenario,
    private readonly limits: Limits,
  ) {
    this.#until = performance.now() + limits.milliseconds
  }

  async report(): Promise<ScenarioReport> {
    const { scenario, name } = this
    await Promise.all(scenario.readers.map((reader) => this.#runLives(reader)))
    await this.#finish()
    const concluded = (await scenario.conclude?.()) ?? []
    const verdict = scenario.judge.verdict()
    const spared = [
      ...(this.#kills === 0 ? ['nobody was killed'] : []),
      ...(scenario.faults === 0 ? ['no fault met the servers'] : []),
    ]
    const wrong = [...this.#wrong, ...verdict.faults, ...concluded, ...spared]
    return {
      name,
      verdict,
      kills: this.#kills,
      killsAtWork: this.#killsAtWork,
      faults: scenario.faults,
      wrong,
    }
  }

  get #goesOn(): boolean {
    return (
      this.#kills < this.limits.kills && performance.now() < this.#until && this.#wrong.length === 0
    )
  }

  /** One life at least: a scenario without a kill shows nothing. */
  async #runLives(reader: ReaderPlan): Promise<void> {
    const dice = new Dice(this.limits.seed, `${this.name} ${reader.name}`)
    do {
      await this.#runLife(reader, lifePlanOf(reader, dice))
      await reader.between?.(dice)
    } while (this.#goesOn)
  }

  async #runLife(reader: ReaderPlan, fate: LifePlan): Promise<void> {
    const life = this.#start(reader, fate)
    this.scenario.feed(fate.burst)
    if (!fate.killBeforeReady) await life.ready
    let trickle = fate.trickle
    const timers = [
      setTimeout(() => life.kill(), fate.killAfterMs),
      setTimeout(() => void this.scenario.amid?.(new Dice(fate.seed, 'amid')), fate.amidAfterMs),
      setInterval(() => trickle-- > 0 && this.scenario.feed(1), TRICKLE_MS),
    ]
    await this.#recordEnd(reader, life)
    for (const timer of timers) clearTimeout(timer)
    if (count(life.entries, 'completed') > 0) reader.completed?.()
  }

  #start(reader: ReaderPlan, { seed, death }: Pick<LifePlan, 'seed' | 'death'>): Life {
    const task = { ...reader.task(), seed, death, defect: this.limits.defect }
    return this.limits.world.start(task, ++this.#lives)
  }

  /** Waits for its end. */
  async #recordEnd(reader: ReaderPlan, life: Life): Promise<void> {
    const end = await life.over
    const { entries } = life
    const inHand = count(entries, 'received') - count(entries, 'handled')
    if (end === 'killed') {
      this.#kills += 1
      if (inHand > 0 || !reader.judged) this.#killsAtWork += 1
    } else if (end !== 'ended') this.#wrong.push(end.wrong)
    this.scenario.judge.life(
      reader.judged ? entries : entries.filter(({ kind }) => kind === 'failed'),
    )
  }

  /** Readers that nobody kills do what is left. */
  async #finish(): Promise<void> {
    const { readers } = this.scenario
    const last = readers.map((reader, n) => {
      const life = this.#start(reader, { seed: this.limits.seed + n, death: undefined })
      return { reader, life }
    })
    this.scenario.feed(LAST_BURST)
    await Promise.all(last.map(({ life }) => life.ready))
    void this.#faultsAmid(new Dice(this.limits.seed, 'last'))
    await this.#allIsDone(last.flatMap(({ reader, life }) => (reader.judged ? [life] : [])))
    for (const { reader, life } of last) {
      life.stop()
      await this.#recordEnd(reader, life)
    }
  }

  /** The last readers live long enough for several faults, one after another. */
  async #faultsAmid(dice: Dice): Promise<void> {
    for (let n = 0; n < LAST_FAULTS; n++) await this.scenario.amid?.(dice)
  }

  /** Also where nothing has moved for so long that nothing will. */
  async #allIsDone(lives: readonly Life[]): Promise<void> {
    const { stuckAfterMs = STUCK_AFTER_MS } = this.limits
    let [before, movedAt] = [-1, performance.now()]
    for (;;) {
      const entries = lives.flatMap((life) => life.entries)
      const isDone = this.scenario.judge.left(entries) === 0
      if (isDone && ((await this.scenario.settled?.()) ?? true)) return
      if (entries.some(({ kind }) => kind === 'failed')) return
      if (entries.length !== before) movedAt = performance.now()
      else if (performance.now() - movedAt > stuckAfterMs) return
      before = entries.length
      await this.limits.world.moved()
    }
  }
}

const count = (entries: readonly JournalEntry[], kind: Kind): number =>
  entries.filter((entry) => entry.kind === kind).length

function lifePlanOf(reader: ReaderPlan, dice: Dice): LifePlan {
  const [burst, trickle, seed] = [
    dice.between(5, 60),
    dice.between(0, 40),
    dice.between(0, 1_000_000),
  ]
  const [at, nth, save] = [
    dice.pick(reader.dies),
    dice.between(1, burst + trickle),
    dice.between(1, 4),
  ]
  const [fromOutside, killAfterMs, amidAfterMs] = [
    dice.chance(0.3),
    dice.between(0, 250),
    dice.between(0, LATEST_FAULT_MS),
  ]
  const isSave = at === 'saving' || at === 'saved'
  return {
    death: fromOutside ? undefined : { at, count: isSave ? save : nth },
    killAfterMs: fromOutside ? killAfterMs : LONGEST_LIFE_MS,
    killBeforeReady: fromOutside && dice.chance(0.2),
    burst,
    trickle,
    amidAfterMs,
    seed,
  }
}
