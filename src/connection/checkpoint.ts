import type { CursorStore } from '../cursors/cursor-store.js'
import { CursorStoreError } from '../errors.js'
import { messageOf } from '../internal/message-of.js'
import type { Mark } from './mark.js'

/** Where and how often a stream saves the position of what is done. */
export interface CheckpointOptions {
  /** Where the position is kept. */
  readonly store: CursorStore
  /** How often at most the checkpoint is saved while the stream runs, in milliseconds. @default 1000 */
  readonly everyMs?: number
  /** How long saving may fail before the stream ends with `CursorStoreError`, in milliseconds. @default 60_000 */
  readonly failAfterMs?: number
}

/**
 * Saves the checkpoint: one save in flight, the newest position next. After the stream's end it goes on by itself until all that is done is
 * saved, and needs no timer for that.
 */
export class Checkpoint {
  saved: Mark | undefined
  errors = 0
  #error: unknown
  #saving: Promise<void> | undefined

  constructor(
    private readonly store: CursorStore,
    private readonly key: string,
    /** The position before the oldest unfinished event, or that of the last event when none is. */
    private readonly current: () => Mark | undefined,
    private readonly onSaved: () => void,
  ) {}

  /** Saves until nothing is left to save. Rejects with `CursorStoreError` when a save fails. */
  async flush(): Promise<void> {
    const errors = this.errors
    while (this.errors === errors && this.#isBehind()) await this.save()
    if (this.#isBehind()) throw new CursorStoreError('the last checkpoint could not be saved', { cause: this.#error })
  }

  async load(): Promise<Mark | undefined> {
    const text = await this.#loadText()
    this.saved = text === undefined ? undefined : markOf(text, this.key)
    return this.saved
  }

  /** What the last save met, unless it went well. */
  get error(): unknown {
    return this.#error
  }

  get saving(): boolean {
    return this.#saving !== undefined
  }

  /** Saves what is done, if it is more than what is saved. */
  save(): Promise<void> | undefined {
    this.#saving ??= this.#isBehind() ? this.#run() : undefined
    return this.#saving
  }

  async #loadText(): Promise<string | undefined> {
    try {
      return await this.store.load(this.key)
    } catch (cause) {
      if (cause instanceof CursorStoreError) throw cause
      throw new CursorStoreError(`the store could not load the position for ${this.key}: ${messageOf(cause)}`, { cause })
    }
  }

  #isBehind(): boolean {
    const current = this.current()
    return current !== undefined && (current.position !== this.saved?.position || current.host !== this.saved.host)
  }

  async #run(): Promise<void> {
    const { host, position, time_us } = this.current() as Mark
    try {
      await this.store.save(this.key, JSON.stringify({ host, position, time_us }))
      this.saved = { host, position, time_us }
      this.#error = undefined
    } catch (error) {
      this.errors += 1
      this.#error = error
    } finally {
      this.#saving = undefined
    }
    this.onSaved()
  }
}

function markOf(text: string, key: string): Mark {
  try {
    const { host, position, time_us } = JSON.parse(text) as Mark
    if (typeof host === 'string' && Number.isSafeInteger(position) && Number.isSafeInteger(time_us)) return { host, position, time_us }
  } catch {
    // Said below, with the key.
  }
  throw new CursorStoreError(`the store's position for ${key} cannot be read: ${text.slice(0, 100)}; it is not one that this library saved`)
}
