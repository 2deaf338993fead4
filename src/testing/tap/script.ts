import type { FakeTapOptions } from './contract.js'
import { type FakeTapItem, idOf } from './frame.js'
import { generateTapEvents } from './generate.js'

/** The events that are not in the outbox yet. */
export class TapScript {
  readonly #items: Iterator<FakeTapItem>
  #head: FakeTapItem | undefined

  constructor(options: FakeTapOptions) {
    this.#items = itemsOf(options)
    this.#step()
  }

  get done(): boolean {
    return this.#head === undefined
  }

  /** The next item, unless it is a recorded frame whose id is taken. */
  next(isFree: (id: number) => boolean): FakeTapItem | undefined {
    const item = this.#head
    const id = typeof item === 'string' ? idOf(item) : undefined
    if (id !== undefined && !isFree(id)) return undefined
    this.#step()
    return item
  }

  #step(): void {
    const next = this.#items.next()
    this.#head = next.done ? undefined : next.value
  }
}

function* itemsOf({
  events = 0,
  generate,
  frames = [],
}: FakeTapOptions): Generator<FakeTapItem, void, undefined> {
  yield* typeof events === 'number' ? generateTapEvents({ ...generate, count: events }) : events
  yield* frames
}
