import type { Page } from './page.js'
import type { ListingPosition } from './position.js'

/** Identifies a page: its number in the listing, from 1, and the cursor that requests it. */
export interface PageRef {
  readonly number: number
  readonly cursor: string | undefined
}

/** One entry of a page, unread. */
export interface PageItem {
  readonly value: unknown
  readonly page: PageRef
  /** The index in the page, from 0. */
  readonly index: number
}

/** The state of one listing: the current page, the next item in it, and the next page's cursor. */
export class PageCursor {
  #page: PageRef
  #items: readonly unknown[] = []
  #index = 0
  #next: string | undefined
  #ended = false

  constructor(cursor: string | undefined) {
    this.#page = { number: 0, cursor: undefined }
    this.#next = cursor
  }

  /** Continues where an earlier run ended. */
  startFrom({ pages, cursor, completed }: ListingPosition): void {
    this.#page = { number: pages, cursor: undefined }
    this.#next = cursor
    this.#ended = completed ?? false
  }

  /** The number of the last page received; 0 before the first. */
  get page(): number {
    return this.#page.number
  }

  /** The cursor of the next page to request; `undefined` for the first one. */
  get next(): string | undefined {
    return this.#next
  }

  /** Whether the current page has items that are not taken yet. */
  get hasItems(): boolean {
    return this.#index < this.#items.length
  }

  /** Whether every item of the listing is taken. */
  get isOver(): boolean {
    return this.#ended && !this.hasItems
  }

  turnTo({ next, repos }: Page): void {
    // An empty page ends the listing, and is not counted.
    if (repos.length > 0) this.#page = { number: this.#page.number + 1, cursor: this.#next }
    this.#items = repos
    this.#index = 0
    this.#next = next
    this.#ended = next === undefined
  }

  /** Takes the next item of the current page. */
  take(): PageItem {
    const index = this.#index
    this.#index += 1
    return { value: this.#items[index], page: this.#page, index }
  }

  /**
   * Returns the position to save. `oldest`: the first page with a repo that is not done. Returns
   * `undefined` until the first page is done.
   */
  position(oldest: PageRef | undefined): ListingPosition | undefined {
    const page = oldest ?? (this.hasItems ? this.#page : undefined)
    if (page !== undefined) return at(page.number - 1, page.cursor)
    return this.#ended
      ? { pages: this.#page.number, completed: true }
      : at(this.#page.number, this.#next)
  }
}

const at = (pages: number, cursor: string | undefined): ListingPosition | undefined =>
  pages === 0 || cursor === undefined ? undefined : { pages, cursor }
