import { type FakeTap, fakeTap, type TapFault } from 'rxjs-atproto/testing'
import type { Dice } from '../dice.js'
import { operationId } from '../ids.js'
import { Judge } from '../judge.js'
import type { Place, ReaderPlan, Scenario, ScenarioPlan } from '../scenario.js'
import { Story } from '../story.js'

const FAULTS: readonly TapFault[] = [
  { after: 40, do: 'reset', times: Number.POSITIVE_INFINITY, optional: true },
  { after: 70, do: 'drop', times: Number.POSITIVE_INFINITY, optional: true },
  { onConnect: 2, do: 'refuse', optional: true },
  { onConnect: 4, do: 'accept-and-drop', optional: true },
]
// What a dead reader had in hand comes again by this timer.
const RETRY_MS = 100
// A Tap deletes acked rows in batches: a crash forgets the acks of the last one. They are those of
// this life, and so many of the process before: the reader remembers the former alone.
const MOST_FORGOTTEN = 80
// A restart during a life comes after so many of its acks.
const MOST_ACKS_BEFORE = 20
// Most of these have one record a repository, which is written again and again: an old event that
// comes behind a newer one shows.
const OFTEN_WRITTEN = {
  'app.bsky.actor.profile': 2,
  'fm.teal.alpha.actor.status': 2,
  'app.bsky.feed.post': 1,
}

/**
 * A Tap, which keeps the position itself: the events that are not acked. With `replays` a restart
 * also forgets its newest acks.
 */
class TapScenario implements Scenario {
  readonly judge = new Judge({ ordered: true, bound: 'allowed', mayGap: false })
  readonly readers: readonly ReaderPlan[]
  readonly #story: Story
  #restarts = 0
  #lives = 0
  #acksOfDead = 0

  constructor(
    private readonly tap: FakeTap,
    private readonly replays: boolean,
    { seed }: Place,
  ) {
    this.#story = new Story(seed, replays ? OFTEN_WRITTEN : undefined)
    const task = () => ({ source: 'tap' as const, host: tap.url, cursors: '' })
    const between = (dice: Dice) => this.#between(dice)
    this.readers = [{ name: 'reader', judged: true, dies: ['received', 'handled'], task, between }]
    void this.#allowAtEachEnd()
  }

  get faults(): number {
    return this.tap.fired.length + this.#restarts
  }

  /**
   * Where acks are forgotten, order is that of each record: an event whose work ended is acked when
   * it comes again, and is not handled again, unless an older one of its record was.
   */
  feed(messages: number): void {
    for (const { item, sent } of this.#story.tap(messages)) {
      const told = this.replays ? sent.map((one) => ({ ...one, lane: one.key })) : sent
      if (this.judge.send(told).length > 0) this.tap.emit(item)
    }
  }

  async amid(dice: Dice): Promise<void> {
    if (!dice.chance(0.4)) return
    if (!this.replays || (await this.#ackedInThisLife(dice.between(5, MOST_ACKS_BEFORE))))
      this.#restart(dice)
  }

  settled(): boolean {
    return this.tap.outbox.length === 0
  }

  conclude(): readonly string[] {
    const stray = this.tap.acks.filter(({ stray, delivery }) => stray || delivery === 0)
    return stray.length > 0
      ? [`${stray.length} acks for events that their connection did not bring`]
      : []
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.tap.close()
  }

  /** Waits for so many more acks; `false` where the reader dies before. */
  async #ackedInThisLife(acks: number): Promise<boolean> {
    const [life, wanted] = [this.#lives, this.tap.acks.length + acks]
    await this.tap.when(() => this.tap.acks.length >= wanted || this.#lives !== life)
    return this.#lives === life
  }

  /** What a connection leaves in flight comes again, and its work may have ended by then. */
  async #allowAtEachEnd(): Promise<void> {
    for (let n = 1; ; n++) {
      await this.tap.closed(n)
      this.judge.allow(this.tap.outbox.filter(({ inFlight }) => inFlight).length)
    }
  }

  /** What was handled and is not acked comes again. */
  #between(dice: Dice): void {
    this.#lives += 1
    this.#acksOfDead = this.tap.acks.length
    // Not where acks are forgotten: the next life would do again what this one did wrong.
    if (!this.replays && dice.chance(0.3)) this.#restart(dice)
    this.judge.allow(
      this.tap.outbox.filter(({ frame }) => this.judge.handled.has(idIn(frame))).length,
    )
  }

  /** In a crash what is forgotten comes again too, and what is on its way with it. */
  #restart(dice: Dice): void {
    this.#restarts += 1
    const ofThisLife = this.tap.acks.length - this.#acksOfDead
    const forgetAcks = this.replays ? ofThisLife + dice.between(20, MOST_FORGOTTEN) : 0
    this.tap.restart({ forgetAcks })
    if (this.replays)
      this.judge.allow(this.tap.outbox.filter(({ deliveries }) => deliveries > 0).length)
  }
}

function idIn(frame: string): string {
  const { record } = JSON.parse(frame) as {
    readonly record: Readonly<Record<'did' | 'rev' | 'collection' | 'rkey', string>>
  }
  return operationId(record.did, record.rev, record.collection, record.rkey)
}

const tap = (name: string, replays: boolean): ScenarioPlan => ({
  name,
  async open(place) {
    // A restart that brought back all of the last ten seconds would hide what was lost before it.
    const server = await fakeTap({ faults: FAULTS, retryTimeoutMs: RETRY_MS, ackFlushMs: 0 })
    return new TapScenario(server, replays, place)
  },
})

export const TAPS: readonly ScenarioPlan[] = [tap('tap$', false), tap('tap$, acks forgotten', true)]
