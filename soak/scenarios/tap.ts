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
// A Tap deletes what was acked in batches: a crash forgets as many.
const MOST_FORGOTTEN = 40
// Most of these have one record a repository, which is written again and again: an old event that
// comes behind a newer one shows.
const OFTEN_WRITTEN = {
  'app.bsky.actor.profile': 2,
  'fm.teal.alpha.actor.status': 2,
  'app.bsky.feed.post': 1,
}

/**
 * A Tap, which keeps the position itself: what is not acked. `replays`: it restarts, and forgets
 * its newest acks.
 */
class TapScenario implements Scenario {
  readonly judge = new Judge({ ordered: true, bound: 'allowed', mayGap: false })
  readonly readers: readonly ReaderPlan[]
  readonly #story: Story
  #restarts = 0

  constructor(
    private readonly tap: FakeTap,
    private readonly replays: boolean,
    { seed }: Place,
  ) {
    this.#story = new Story(seed, replays ? OFTEN_WRITTEN : undefined)
    const task = () => ({ source: 'tap' as const, host: tap.url, cursors: '' })
    const between = (dice: Dice) => this.#between(dice)
    this.readers = [{ name: 'reader', judged: true, dies: ['received', 'handled'], task, between }]
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

  amid(dice: Dice): void {
    if (dice.chance(0.4)) this.#restart(dice)
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

  /** What was handled and is not acked comes again. */
  #between(dice: Dice): void {
    if (dice.chance(0.3)) this.#restart(dice)
    this.judge.allow(
      this.tap.outbox.filter(({ frame }) => this.judge.handled.has(idIn(frame))).length,
    )
  }

  /** In a crash what is forgotten comes again too, and what is on its way with it. */
  #restart(dice: Dice): void {
    this.#restarts += 1
    this.tap.restart({ forgetAcks: this.replays ? dice.between(1, MOST_FORGOTTEN) : 0 })
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
  open: async (place) =>
    new TapScenario(await fakeTap({ faults: FAULTS, retryTimeoutMs: RETRY_MS }), replays, place),
})

export const TAPS: readonly ScenarioPlan[] = [tap('tap$', false), tap('tap$, acks forgotten', true)]
