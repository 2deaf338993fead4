import {
  type HeldLock,
  type LockDisk,
  parseLockOwner,
  STALE_AFTER_MS,
  takeLock,
  type VoidLock,
} from '../../src/cursors/lock.js'
import { pick, random } from '../../src/testing/generate/random.js'

const PATH = 'cursor.json.lock'
const lockOf = (name: string, pid: number) => JSON.stringify({ pid, host: 'here', token: name })
const DEAD = lockOf('dead', 1)
const ELSEWHERE = JSON.stringify({ pid: 1, host: 'elsewhere', token: 'far' })

/** A contender that stops before each step on the disk until it may continue. */
class Contender {
  readonly text: string
  outcome: 'running' | 'won' | 'refused' | 'killed' = 'running'
  held: HeldLock | undefined
  replaced: VoidLock | undefined
  /** What it has seen so far, which is all that decides what it does next. */
  readonly seen: unknown[] = []
  private go: (() => void) | undefined

  constructor(
    readonly pid: number,
    private readonly world: World,
  ) {
    this.text = lockOf(`token${pid}`, pid)
    const onTakeover = (lock: VoidLock) => {
      this.replaced = lock
    }
    takeLock(this.disk(), PATH, this.text, onTakeover).then((held) => {
      this.held = held
      this.outcome = held === undefined ? 'won' : 'refused'
    })
  }

  get waits(): boolean {
    return this.outcome === 'running' && this.go !== undefined
  }

  async step(): Promise<void> {
    const go = this.go
    this.go = undefined
    go?.()
    for (let n = 0; n < 20 && this.go === undefined && this.outcome === 'running'; n++)
      await undefined
  }

  private disk(): LockDisk {
    const { files, contenders } = this.world
    const turn = async <T>(work: () => T): Promise<T> => {
      await new Promise<void>((resolve) => {
        this.go = resolve
      })
      const result = work()
      this.seen.push(result ?? null)
      return result
    }
    return {
      create: (path, text) => turn(() => !files.has(path) && files.set(path, text) !== undefined),
      read: (path) => turn(() => files.get(path)),
      rename: (from, to) =>
        turn(() => {
          files.set(to, files.get(from) ?? 'nothing was renamed')
          files.delete(from)
        }),
      remove: (path) =>
        turn(() => {
          files.delete(path)
        }),
      stateOf: ({ host, pid }) =>
        turn(() => {
          if (host !== 'here') return 'unknown'
          return contenders.some((c) => c.pid === pid && c.outcome !== 'killed') ? 'runs' : 'ended'
        }),
      ageMs: (path) =>
        turn(() => (files.has(path) ? this.world.ageOf(files.get(path)) : undefined)),
    }
  }
}

class World {
  readonly files: Map<string, string>
  readonly contenders: Contender[] = []
  /** How old the locks are that were there before the contenders, in milliseconds. */
  age = STALE_AFTER_MS

  constructor(count: number, files: Readonly<Record<string, string>>) {
    this.files = new Map(Object.entries(files))
    for (let n = 0; n < count; n++) this.contenders.push(new Contender(100 + n, this))
  }

  ageOf(text: string | undefined): number {
    return this.contenders.some((one) => one.text === text) ? 0 : this.age
  }

  get waiting(): Contender[] {
    return this.contenders.filter((c) => c.waits)
  }

  get winners(): Contender[] {
    return this.contenders.filter((c) => c.outcome === 'won')
  }

  get state(): string {
    return JSON.stringify([[...this.files], this.contenders.map((c) => c.seen)])
  }

  check(schedule: readonly number[]): void {
    const [winner, ...others] = this.winners
    if (others.length > 0 || (winner !== undefined && this.files.get(PATH) !== winner.text)) {
      throw new Error(`two holders after ${schedule}: ${JSON.stringify([...this.files])}`)
    }
  }
}

/**
 * Tries every order in which the contenders can take their steps, once for each state of the world,
 * and counts the states.
 */
async function everySchedule(make: () => World): Promise<number> {
  const known = new Set<string>()
  let prefix: number[] | undefined = []
  while (prefix !== undefined) prefix = nextPrefix(...(await replay(make(), prefix, known)))
  return known.size
}

async function replay(
  world: World,
  prefix: readonly number[],
  known: Set<string>,
): Promise<[choices: number[], options: number[]]> {
  const choices: number[] = []
  const options: number[] = []
  while (world.waiting.length > 0) {
    if (choices.length >= prefix.length) {
      if (known.has(world.state)) return [choices, options]
      known.add(world.state)
    }
    const choice = prefix[choices.length] ?? 0
    options.push(world.waiting.length)
    choices.push(choice)
    await world.waiting[choice]?.step()
    world.check(choices)
  }
  expect(world.winners).toHaveLength(1)
  expect([...world.files.keys()]).toEqual([PATH])
  return [choices, options]
}

function nextPrefix(choices: readonly number[], options: readonly number[]): number[] | undefined {
  for (let at = choices.length - 1; at >= 0; at--) {
    const next = (choices[at] ?? 0) + 1
    if (next < (options[at] ?? 0)) return [...choices.slice(0, at), next]
  }
  return undefined
}

describe('takeLock', () => {
  it('has one winner of three that start at once, in every order of steps', async () => {
    expect(await everySchedule(() => new World(3, {}))).toBeGreaterThan(10)
  })

  it('has one winner of three that find a dead lock, in every order of steps', async () => {
    expect(await everySchedule(() => new World(3, { [PATH]: DEAD }))).toBeGreaterThan(500)
  })

  it('has one winner where a process also died during a takeover', async () => {
    const dead = { [PATH]: DEAD, [`${PATH}.takeover`]: lockOf('dead too', 2) }
    expect(await everySchedule(() => new World(2, dead))).toBeGreaterThan(200)
  })

  it('has one winner of three that find a stale lock, in every order of steps', async () => {
    expect(await everySchedule(() => new World(3, { [PATH]: ELSEWHERE }))).toBeGreaterThan(500)
  })

  /** One contender goes on until its end; `before` runs before each of its steps. */
  async function alone(world: World, before: (step: number) => void = () => {}) {
    for (let step = 0; world.waiting.length > 0; step++) {
      before(step)
      await world.waiting[0]?.step()
    }
    return world.contenders[0] as Contender
  }

  it('refuses a young lock of another host with its time left, takes over an old one', async () => {
    const young = new World(1, { [PATH]: ELSEWHERE })
    young.age = STALE_AFTER_MS - 1
    expect((await alone(young)).held).toEqual({ text: ELSEWHERE, staleInMs: 1 })
    const old = await alone(new World(1, { [PATH]: ELSEWHERE }))
    expect(old.replaced).toEqual({ text: ELSEWHERE, because: 'stale' })
    const dead = await alone(new World(1, { [PATH]: DEAD }))
    expect(dead.replaced).toEqual({ text: DEAD, because: 'ended' })
  })

  it('leaves a stale lock to its holder if that touches it before the takeover', async () => {
    const world = new World(1, { [PATH]: ELSEWHERE })
    let isSeen = false
    const one = await alone(world, () => {
      // The first look finds it stale; then the holder wakes.
      if (isSeen) world.age = 0
      isSeen = world.contenders[0]?.seen.includes(STALE_AFTER_MS) ?? false
    })
    expect([one.outcome, [...world.files]]).toEqual(['refused', [[PATH, ELSEWHERE]]])
  })

  it('takes over an empty lock when it is stale: its writer was killed', async () => {
    const world = new World(1, { [PATH]: '' })
    expect((await alone(world)).replaced).toEqual({ text: '', because: 'stale' })
    const young = new World(1, { [PATH]: '' })
    young.age = 0
    expect((await alone(young)).held).toEqual({ text: '', staleInMs: STALE_AFTER_MS })
  })

  it('has at most one holder of four that are killed at any step', async () => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
    const next = random(seed)
    let kills = 0
    for (let run = 0; run < 1_000; run++) {
      const world = new World(4, { [PATH]: DEAD })
      const schedule: number[] = [seed, run]
      while (world.waiting.length > 0) {
        const one = pick(next, world.waiting)
        schedule.push(one.pid)
        if (next() < 0.05) {
          one.outcome = 'killed'
          kills++
        } else await one.step()
        world.check(schedule)
      }
      for (const winner of world.winners) winner.outcome = 'killed'
      const heir = new Contender(900, world)
      world.contenders.push(heir)
      while (heir.waits) await heir.step()
      expect(heir.outcome).toBe('won')
    }
    expect(kills).toBeGreaterThan(100)
  })

  it('refuses a lock that it cannot read: only a person can decide about it', async () => {
    for (const text of ['garbage', 'null', '{"pid":"1"}', '{"pid":-1,"host":"h","token":"t"}']) {
      expect(parseLockOwner(text)).toBeUndefined()
      const world = new World(1, { [PATH]: text })
      while (world.waiting.length > 0) await world.waiting[0]?.step()
      expect(world.contenders[0]?.outcome).toBe('refused')
      expect(world.files.get(PATH)).toBe(text)
    }
  })
})
