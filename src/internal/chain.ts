/** A node of a {@link Chain}. */
export interface Link<T> {
  readonly value: T
  previous: Link<T> | undefined
  next: Link<T> | undefined
}

/**
 * A doubly linked list in order of arrival. Removing any member costs O(1). A `Set` is slower here:
 * finding its first member passes over all members that were deleted before.
 */
export class Chain<T> {
  #first: Link<T> | undefined
  #last: Link<T> | undefined
  #size = 0

  get first(): Link<T> | undefined {
    return this.#first
  }

  get size(): number {
    return this.#size
  }

  push(value: T): Link<T> {
    const link: Link<T> = { value, previous: this.#last, next: undefined }
    if (this.#last === undefined) this.#first = link
    else this.#last.next = link
    this.#last = link
    this.#size += 1
    return link
  }

  /** `link` must be in the chain. */
  remove(link: Link<T>): void {
    const { previous, next } = link
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    link.previous = undefined
    link.next = undefined
    this.#size -= 1
  }
}
