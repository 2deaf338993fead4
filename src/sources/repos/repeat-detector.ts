import { CursorLoopError } from '../../errors.js'
import type { RepoEvent } from './events.js'
import { jsonOf, type Page } from './page.js'

/** Tells one page from another. */
interface PageFingerprint {
  readonly cursor: string | undefined
  /** The number of repos, the first and the last. Different pages of a listing differ in this. */
  readonly repos: string
}

/**
 * Detects a listing that loops, and repos that a page repeats from the page before. Its memory is
 * constant over millions of pages (Brent's algorithm): each page is compared with the one before,
 * and with a reference page that is replaced at each power of two.
 */
export class RepeatDetector {
  #last: PageFingerprint | undefined
  #reference: PageFingerprint | undefined
  #steps = 0
  #moveAt = 1
  #before = new Set<string>()
  #current = new Set<string>()

  /**
   * Throws {@link CursorLoopError} if the page was received before. `requested`: the cursor of the
   * request.
   */
  check(requested: string | undefined, { next, repos }: Page): void {
    if (repos.length === 0) return
    const fingerprint = { cursor: next, repos: reposOf(repos) }
    if (next !== undefined && next === requested)
      throw new CursorLoopError(`the page at the cursor ${next} names itself as the next one`)
    for (const seen of [this.#last, this.#reference]) compare(fingerprint, seen)
    this.#note(fingerprint)
    this.#before = this.#current
    this.#current = new Set()
  }

  /**
   * Whether the page before had the same repo in the same state. This happens if the server's
   * cursors are inclusive.
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
    this.#reference = fingerprint
    this.#moveAt *= 2
  }
}

const reposOf = (repos: readonly unknown[]): string =>
  `${repos.length} ${identityOf(repos[0])} ${identityOf(repos.at(-1))}`
// Only the DID, because a repo's rev changes between two requests.
const identityOf = (repo: unknown): string =>
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
