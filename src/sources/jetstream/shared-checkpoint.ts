import type { CursorStore } from '../../cursors/cursor-store.js'
import { OWN_STORE, type OwnStore } from '../../cursors/load-position.js'
import type { CheckpointOptions } from '../../delivery/checkpoint-options.js'
import type { Position } from '../../delivery/position.js'
import { positionFormat, type SavedPosition } from '../../delivery/saved-position.js'

/** What is known of one connection's position. */
interface Part {
  /** As it would be stored; `undefined` while there is none. */
  text: string | undefined
  /** Whether it reads nothing, and all that it has read is done. */
  isOver: () => boolean
}

/**
 * The checkpoint of several connections: the oldest of their positions. Nothing is saved before
 * each of them has one.
 */
export class SharedCheckpoint {
  readonly #parts: Part[] = []
  readonly #store: CursorStore & Partial<OwnStore>
  #saved: string | undefined

  constructor(
    private readonly options: CheckpointOptions,
    /** That of a text which names none. */
    private readonly host: string,
  ) {
    this.#store = options.store
  }

  /**
   * The checkpoint of one more connection. `when`: a first one starts at the stored position, a
   * late one holds the checkpoint where it is until it has a position.
   */
  join(when: 'first' | 'late', isOver: () => boolean): CheckpointOptions {
    const part: Part = { text: when === 'late' ? this.#saved : undefined, isOver }
    const isOne = this.#parts.push(part) === 1
    const store: CursorStore & Partial<OwnStore> = {
      load: async (key) => (when === 'late' ? undefined : this.#load(part, key)),
      save: (key, text) => this.#save(part, key, text),
      close: async () => this.#store.close?.(),
      // Only the first connection warns where a store has no position.
      ...(isOne ? own(this.#store) : { [OWN_STORE]: this.#store[OWN_STORE] ?? {} }),
    }
    return { ...this.options, store }
  }

  async #load(part: Part, key: string): Promise<string | undefined> {
    const text = await this.#store.load(key)
    part.text ??= text
    this.#saved ??= text
    return text
  }

  async #save(part: Part, key: string, text: string): Promise<void> {
    part.text = text
    const oldest = this.#oldest()
    if (oldest === undefined || oldest === this.#saved) return
    await this.#store.save(key, oldest)
    this.#saved = oldest
  }

  #oldest(): string | undefined {
    const reading = this.#parts.filter(({ isOver }) => !isOver())
    const texts = (reading.length > 0 ? reading : this.#parts).map(({ text }) => text)
    return texts.reduce((oldest, text) =>
      oldest === undefined || text === undefined ? undefined : this.#older(oldest, text),
    )
  }

  #older(one: string, other: string): string {
    const [a, b] = [this.#read(one), this.#read(other)]
    if (a === undefined || b === undefined) return a === undefined ? one : other
    const isByTime = a.host === b.host ? disagree(a, b) : isTimed(a, b) && isHostless(a, b)
    const isLater = isByTime || a.host !== b.host ? a.time_us > b.time_us : a.position > b.position
    if (isByTime) return this.#withoutHost(isLater ? b : a)
    return isLater ? other : one
  }

  /** A position of no host is asked for by its time. How much is done at it is not known then. */
  #withoutHost({ done: _, ...oldest }: SavedPosition): string {
    return (this.options.positionFormat ?? positionFormat).write({ ...oldest, host: '' })
  }

  #read(text: string): SavedPosition | undefined {
    return (this.options.positionFormat ?? positionFormat).read(text, this.host)
  }
}

const isTimed = (a: Position, b: Position): boolean => a.time_us > 0 && b.time_us > 0

const isHostless = (a: Position, b: Position): boolean => a.host === '' || b.host === ''

/** One connection may have met a renumbered log: its numbers then say nothing about the other's. */
const disagree = (a: Position, b: Position): boolean =>
  isTimed(a, b) && (a.position - b.position) * (a.time_us - b.time_us) < 0

const own = (store: Partial<OwnStore>): Partial<OwnStore> =>
  store[OWN_STORE] === undefined ? {} : { [OWN_STORE]: store[OWN_STORE] }
