import { CursorLoopError } from '../../errors.js'
import type { RepoEvent } from './events.js'
import { jsonOf, type Page } from './page.js'

/** Distinguishes one page from another. */
interface PageFingerprint {
  readonly cursor: string | undefined
  /**
   * How many repos, and the first and last of them: no two pages of one listing have both in
   * common.
   */
  readonly repos: string
}

/**
 * Detects a listing that loops, and repos that a page repeats from the page before. Constant
 * memory over millions of pages (Brent's algorithm): each page is compared with the one before, and
 * with a mark that moves ahead at each power of two.
 */
export class Repeats {
  #last: PageFingerprint | undefined
  #mark: PageFingerprint | undefined
  #steps = 0
  #moveAt = 1
  #before = new Set<string>()
  #current = new Set<string>()

  /**
   * Throws {@link CursorLoopError} where the page was here before. `asked`: the cursor that it was
   * asked for with.
   */
  check(asked: string | undefined, { next, repos }: Page): void {
    if (repos.length === 0) return
    const fingerprint = { cursor: next, repos: reposOf(repos) }
    if (next !== undefined && next === asked)
      throw new CursorLoopError(`the page at the cursor ${next} names itself as the next one`)
    for (const seen of [this.#last, this.#mark]) compare(fingerprint, seen)
    this.#note(fingerprint)
    this.#before = this.#current
    this.#current = new Set()
  }

  /**
   * Whether the page before had the same repo, in the same state: a server whose cursors are
   * inclusive.
   */
  isRepeat({ did, rev, active, status }: RepoEvent): boolean {
    const key = `${did} ${rev} ${active} ${status}`
    this.#current.add(key)
    return this.#before.has(key)
  }

  #note(fingerprint: PageFingerprint): void {
    this.#last = fingerprint
    this.#steps += 1
    if (this.#steps < this.#moveAt) return
    this.#mark = fingerprint
    this.#moveAt *= 2
  }
}

const reposOf = (repos: readonly unknown[]): string =>
  `${repos.length} ${nameOf(repos[0])} ${nameOf(repos.at(-1))}`
// Not the whole repo: its rev moves from one reading to the next.
const nameOf = (repo: unknown): string =>
  String((repo as { did?: unknown } | null)?.did ?? jsonOf(repo))

function compare(fingerprint: PageFingerprint, seen: PageFingerprint | undefined): void {
  if (seen === undefined) return
  if (fingerprint.cursor !== undefined && fingerprint.cursor === seen.cursor)
    throw new CursorLoopError(`the cursor ${fingerprint.cursor} came twice`)
  if (fingerprint.repos === seen.repos)
    throw new CursorLoopError(
      `the page before the cursor ${fingerprint.cursor ?? '(none)'} came twice`,
    )
}
