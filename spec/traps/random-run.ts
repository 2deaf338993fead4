import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { Subscription } from 'rxjs'
import { Dice } from '../../soak/dice.js'
import { type JournalEntry, MemoryJournal } from '../../soak/journal.js'
import type { Life, LifeWorld } from '../../soak/life.js'
import { runScenario, type ScenarioReport } from '../../soak/run-scenario.js'
import { SCENARIOS } from '../../soak/scenarios/index.js'
import { streamOf, type Task } from '../../soak/sources.js'
import type { Defect } from '../../soak/work.js'
import { type CursorStore, memoryCursorStore } from '../../src/index.js'
import { faultProxy } from '../../src/testing/index.js'

/** Runs a scenario of the soak with readers that live in this process, and are cut at random. */
export async function randomRun(
  name: string,
  seed: number,
  kills: number,
  defect?: Defect,
): Promise<ScenarioReport> {
  const plan = SCENARIOS.find((scenario) => scenario.name === name)
  if (plan === undefined) throw new Error(`no scenario is named ${name}`)
  const folder = mkdtempSync(join(tmpdir(), 'random-'))
  try {
    const world = new Here()
    const milliseconds = Number.POSITIVE_INFINITY
    // A defect leaves something undone for good: nobody waits for that.
    const stuckAfterMs = defect === undefined ? undefined : 1000
    return await runScenario(plan, {
      seed,
      kills,
      milliseconds,
      folder,
      world,
      defect,
      stuckAfterMs,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs a scenario without a defect: nothing is wrong, and every kind of fault has happened. */
export async function expectFlawlessRun(name: string, seed: number, kills: number): Promise<void> {
  const report = await randomRun(name, seed, kills)
  expect(report.wrong).toEqual([])
  expect(report.kills).toBeGreaterThanOrEqual(kills)
  expect(report.killsAtWork).toBeGreaterThan(0)
  expect(report.faults).toBeGreaterThan(0)
}

/** Readers of this process. Stores in memory outlive them, as a file outlives a process. */
class Here implements LifeWorld {
  readonly #stores = new Map<string, CursorStore>()

  start(task: Omit<Task, 'journal'>): Life {
    return new LifeHere({ ...task, journal: '' }, (path) => this.#storeOf(path))
  }

  moved(): Promise<unknown> {
    return new Promise(setImmediate)
  }

  #storeOf(path: string): CursorStore {
    const store = this.#stores.get(path) ?? memoryCursorStore()
    this.#stores.set(path, store)
    return store
  }
}

/** A death is the end of the subscription, of the connections, and of all that is written down. */
class LifeHere implements Life {
  readonly ready: Promise<unknown>
  readonly over: Life['over']
  readonly #journal: MemoryJournal
  readonly #reading = new Subscription()
  #end: (end: Awaited<Life['over']>) => void = () => {}

  constructor(task: Task, cursors: (path: string) => CursorStore) {
    let left = task.death?.count
    this.#journal = new MemoryJournal(({ kind }) => {
      if (left !== undefined && kind === task.death?.at && --left === 0) this.kill()
    })
    this.over = new Promise((resolve) => {
      this.#end = resolve
    })
    this.ready = this.#read(task, cursors)
  }

  get entries(): readonly JournalEntry[] {
    return this.#journal.entries
  }

  kill(): void {
    this.#die('killed')
  }

  stop(): void {
    this.#die('ended')
  }

  async #read(task: Task, cursors: (path: string) => CursorStore): Promise<void> {
    const [journal, dice] = [this.#journal, new Dice(task.seed, 'reader')]
    const redis = (url: string) => this.#connected(url)
    const host = task.source === 'tap' ? await this.#cutAtDeath(task.host) : task.host
    const means = { journal, dice, pause: ticks, cursors, redis }
    const source$ = await streamOf({ ...task, host }, means)
    if (journal.dead) return
    this.#reading.add(
      source$.subscribe({
        error: (error: unknown) => journal.write('failed', String(error)),
        complete: () => {
          journal.write('completed')
          this.#die('ended')
        },
      }),
    )
  }

  /**
   * `tap$` acks work that ends after the unsubscription, as it promises; a process that is killed
   * does not. So the line is cut, and with it the acks of promises that go on.
   */
  async #cutAtDeath(target: string): Promise<string> {
    const proxy = await faultProxy({ target })
    this.#reading.add(() => void proxy.close())
    return proxy.url
  }

  async #connected(url: string) {
    const client = createClient({ url, socket: { reconnectStrategy: 20 } }).on('error', () => {})
    await client.connect()
    // What it has sent may be done, and no answer comes.
    this.#reading.add(() => client.destroy())
    return client
  }

  #die(end: Awaited<Life['over']>): void {
    this.#journal.dead = true
    this.#reading.unsubscribe()
    this.#end(end)
  }
}

/** So many turns of the loop: work that takes longer than other work, on any machine. */
async function ticks(length: number): Promise<void> {
  for (let n = 0; n < length; n++) await new Promise(setImmediate)
}
