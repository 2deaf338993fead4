import type { Page } from './page.js'
import type { ListingPosition } from './position.js'

/** A page's own place: its number in the listing, from 1, and the cursor that asks for it. */
export interface PageMark {
  readonly number: number
  readonly cursor: string | undefined
}

/** One entry of a page, unread. */
export interface PageItem {
  readonly value: unknown
  readonly page: PageMark
  /** Its place in the page, from 0. */
  readonly index: number
}

/** Where one reading of a listing is: which page is in hand, how far, and what to ask for next. */
export class PageCursor {
  #page: PageMark
  #items: readonly unknown[] = []
  #index = 0
  #next: string | undefined
  #ended = false

  constructor(cursor: string | undefined) {
    this.#page = { number: 0, cursor: undefined }
    this.#next = cursor
  }

  /** Goes on where an earlier run has ended. */
  startFrom({ pages, cursor, completed }: ListingPosition): void {
    this.#page = { number: pages, cursor: undefined }
    this.#next = cursor
    this.#ended = completed ?? false
  }

  /** The number of the page that came last; 0 before the first. */
  get page(): number {
    return this.#page.number
  }

  /** The cursor of the next page to ask for; `undefined` for the first one. */
  get next(): string | undefined {
    return this.#next
  }

  /** Whether something of the page in hand is left. */
  get hasItems(): boolean {
    return this.#index < this.#items.length
  }

  /** Whether all of the listing is taken. */
  get isOver(): boolean {
    return this.#ended && !this.hasItems
  }

  turnTo({ next, repos }: Page): void {
    // An empty page is an end, and no page.
    if (repos.length > 0) this.#page = { number: this.#page.number + 1, cursor: this.#next }
    this.#items = repos
    this.#index = 0
    this.#next = next
    this.#ended = next === undefined
  }

  /** The next line of the page in hand. */
  take(): PageItem {
    const index = this.#index
    this.#index += 1
    return { value: this.#items[index], page: this.#page, index }
  }

  /**
   * How far all is done, when `oldest` is the first page with a repo that is not. `undefined`
   * before the first page is.
   */
  position(oldest: PageMark | undefined): ListingPosition | undefined {
    const page = oldest ?? (this.hasItems ? this.#page : undefined)
    if (page !== undefined) return at(page.number - 1, page.cursor)
    return this.#ended
      ? { pages: this.#page.number, completed: true }
      : at(this.#page.number, this.#next)
  }
}

const at = (pages: number, cursor: string | undefined): ListingPosition | undefined =>
  pages === 0 || cursor === undefined ? undefined : { pages, cursor }
