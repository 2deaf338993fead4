import * as fc from 'fast-check'
import { type Observable, of, tap } from 'rxjs'
import type { CursorStore } from '../../src/cursors/cursor-store.js'
import { streamMetrics } from '../../src/delivery/metrics.js'
import type { Position } from '../../src/delivery/position.js'
import { SILENT } from '../../src/internal/log.js'
import { CursorProgress } from '../../src/live/cursor-progress.js'
import { live } from '../../src/live/live.js'
import type { ProgressContext } from '../../src/live/progress.js'
import { integer, random } from '../../src/testing/generate/random.js'
import { runs } from '../helpers/thick.js'
import {
  FakeLog,
  FIRST_POSITION,
  fakeProtocol,
  type LogOptions,
  type Numbered,
} from './fake-log.js'
import { build, pipes, type Stage, type Work } from './random-pipe.js'
import { advance, settled, startClock, step, stopClock } from './virtual-clock.js'

interface Scenario {
  readonly pipe: readonly Stage[]
  readonly log: LogOptions
  readonly seed: number
  /** How often work fails for good, and with it the stream. */
  readonly failing: number
  readonly savesFail: number
  /** When the stream is left; after all is read and done when `undefined`. */
  readonly leaveAfterMs: number | undefined
}

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  pipe: pipes,
  log: fc.record({
    events: fc.integer({ min: 1, max: 60 }),
    everyMs: fc.integer({ min: 1, max: 8 }),
    framesAConnection: fc.integer({ min: 3, max: 40 }),
    canPause: fc.boolean(),
  }),
  seed: fc.nat(),
  failing: fc.constantFrom(0, 0, 0.02),
  savesFail: fc.constantFrom(0, 0, 0.2),
  leaveAfterMs: fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined }),
})

/** One run of a scenario, which checks itself at every step. */
class Run implements Work {
  readonly random: () => number
  readonly failing: number
  readonly metrics$ = streamMetrics()
  readonly #log: FakeLog
  // What is truly unfinished, as those say who do the work: visits of events to operators.
  readonly #unfinished = new Map<number, Numbered>()
  #visits = 0
  #received = -1
  #saved = FIRST_POSITION
  #context: ProgressContext | undefined
  #progress: CursorProgress<Numbered> | undefined
  #ended = false
  // What is thrown inside the pipe would only end the stream: it is kept, and thrown at the end.
  #violation: unknown
  checks = 0

  constructor(private readonly scenario: Scenario) {
    this.random = random(scenario.seed)
    this.failing = scenario.failing
    this.#log = new FakeLog(scenario.log, this.random)
  }

  async play(): Promise<void> {
    const { pipe, leaveAfterMs = 3000 } = this.scenario
    const subscription = this.#events$()
      .pipe(
        tap((event) => this.#receive(event)),
        build(pipe, this),
        tap(() => this.#check()),
      )
      .subscribe({ error: () => {} })
    await settled()
    const until = Date.now() + leaveAfterMs
    while (Date.now() < until && !subscription.closed) await this.#step()
    this.#ended = true
    subscription.unsubscribe()
    this.#check()
    for (let steps = 0; jest.getTimerCount() > 0 && steps < 1000; steps += 1) await this.#step()
    await settled()
    if (this.#violation !== undefined) throw this.#violation
    this.#checkEnd()
  }

  get reconnects(): number {
    return this.#log.dials - 1
  }

  enter(event: Numbered): Numbered {
    this.#visits += 1
    const visit = { ...event, visit: this.#visits }
    this.#unfinished.set(visit.visit, visit)
    this.#check()
    return visit
  }

  readonly leave = (event: Numbered): void => {
    this.#unfinished.delete(event.visit)
    this.#check()
  }

  #events$(): Observable<Numbered> {
    return live<Numbered>({
      protocol: () => of(fakeProtocol),
      options: {
        hosts: ['wss://log.test/'],
        reconnect: { initialDelayMs: 5, maxDelayMs: 20, random: this.random },
        refusedForMs: 600_000,
        connectTimeoutMs: 1000,
        idleTimeoutMs: 1e9,
        silentTimeoutMs: Number.POSITIVE_INFINITY,
        pauseCloseMs: 30,
        maxFrameBytes: 1000,
        headers: {},
        agent: undefined,
        metrics$: this.metrics$,
        rejects: undefined,
        gaps: undefined,
        log: SILENT,
      },
      dial: this.#log.dial,
      progress: (gaps, context) => {
        const checkpoint = { store: this.#store(), everyMs: 15, failAfterMs: 1e9 }
        const options = {
          start: FIRST_POSITION,
          onCursorRefused: 'fail',
          checkpoint,
          key: 'fake',
          host: 'ws://a',
        } as const
        this.#context = context
        this.#progress = new CursorProgress(options, gaps, context)
        return this.#progress
      },
    })
  }

  #store(): CursorStore {
    return {
      load: async () => undefined,
      save: async (_, text) => {
        const ms = integer(this.random, 20)
        const fails = !this.#ended && this.random() < this.scenario.savesFail
        // From the call on it may be what a restart finds.
        this.#saved = (JSON.parse(text) as Position).position
        this.#check()
        await new Promise((resolve) => setTimeout(resolve, ms))
        if (fails) throw new Error('the store is down')
      },
    }
  }

  async #step(): Promise<void> {
    await step()
    this.#check()
  }

  #receive({ n }: Numbered): void {
    const skipped = this.#log.rows.slice(this.#received + 1, n).filter(({ is }) => is === 'event')
    if (n <= this.#received)
      this.#violation ??= new Error(`event ${n} comes after ${this.#received}`)
    if (skipped.length > 0)
      this.#violation ??= new Error(
        `event ${n} comes after ${this.#received}, and ${skipped[0]?.n} never came`,
      )
    this.#received = n
  }

  #check(): void {
    this.checks += 1
    try {
      this.#balance()
      this.#checkPosition('saved', this.#saved)
      this.#checkPosition(
        'current',
        (this.#context?.frontier() ?? this.#progress?.last)?.position ?? 0,
      )
    } catch (error) {
      this.#violation ??= error
    }
  }

  /** A restart from `checkpoint` would bring every event that is not done. */
  #checkPosition(name: string, checkpoint: number): void {
    for (const { n, position } of this.#unfinished.values()) {
      if (position < checkpoint)
        throw new Error(
          `event ${n} at ${position} is unfinished, and the ${name} checkpoint is ${checkpoint}`,
        )
    }
    const unread = this.#log.rows.slice(this.#received + 1).find(({ is }) => is === 'event')
    if (unread !== undefined && unread.position < checkpoint) {
      throw new Error(
        `event ${unread.n} at ${unread.position} was never read, ` +
          `and the ${name} checkpoint is ${checkpoint}`,
      )
    }
  }

  #balance(): void {
    this.#context?.changed()
    const {
      frames,
      events,
      control,
      rejected,
      duplicates,
      filtered,
      delivered,
      done,
      dropped,
      failed,
      open,
    } = this.metrics$.value
    const book = { frames, events, delivered }
    expect(book).toEqual({
      frames: events + control + rejected,
      events: duplicates + filtered + delivered,
      delivered: done + dropped + failed + open,
    })
  }

  #checkEnd(): void {
    const { open, queued, failed } = this.metrics$.value
    expect({ open, queued, timers: jest.getTimerCount() }).toEqual({
      open: 0,
      queued: 0,
      timers: 0,
    })
    if (failed === 0 && this.#unfinished.size > 0)
      throw new Error(`${this.#unfinished.size} are unfinished, and nothing failed`)
    if (failed === 0) expect(this.#saved).toBe(this.#progress?.last?.position ?? FIRST_POSITION)
  }
}

describe('deliveries', () => {
  beforeEach(startClock)
  afterEach(stopClock)

  it('never let a checkpoint pass an unfinished event in any pipe, and balance', async () => {
    const seen = {
      checks: 0,
      reconnects: 0,
      done: 0,
      dropped: 0,
      failed: 0,
      held: 0,
      duplicates: 0,
      rejected: 0,
    }
    const property = fc.asyncProperty(scenarios, async (scenario) => {
      const run = new Run(scenario)
      await run.play()
      const { metrics$, reconnects, checks } = run
      const counts: Readonly<Record<keyof typeof seen, number>> = {
        ...metrics$.value,
        reconnects,
        checks,
      }
      for (const name of Object.keys(seen) as (keyof typeof seen)[]) seen[name] += counts[name]
    })
    await fc.assert(property, {
      seed: Number(process.env.FC_SEED ?? 20_260_801),
      numRuns: Number(process.env.FC_RUNS ?? runs(200, 1000)),
    })
    // Everything that could break it did happen.
    for (const [name, count] of Object.entries(seen))
      expect([name, count > 100]).toEqual([name, true])
  }, 60_000)

  it('run in virtual time', async () => {
    const from = Date.now()
    await advance(50)
    expect(Date.now() - from).toBe(50)
  })
})
