import { generateCid, generateDid, tid } from './ids.js'
import { integer, pick, random } from './random.js'

/** A repository as `listRepos` writes it. */
export interface GeneratedRepo {
  readonly did: string
  readonly head: string
  readonly rev: string
  readonly active: boolean
  readonly status?: string
}

/** How {@link generateRepos} generates. */
export interface GenerateReposOptions {
  /** @default Infinity */
  readonly count?: number
  /**
   * The same seed gives the same repos.
   * @default 1
   */
  readonly seed?: number
}

const FIRST_REV_US = 1_700_000_000_000_000
const STATUSES = ['takendown', 'suspended', 'deactivated'] as const

/**
 * Plausible repositories of a listing, one in fifty not active. DIDs, heads and revs are made up
 * and do not resolve.
 *
 * @example
 * ```ts
 * const repos = [...generateRepos({ count: 100, seed: 7 })]
 * ```
 */
export function* generateRepos({
  count = Number.POSITIVE_INFINITY,
  seed = 1,
}: GenerateReposOptions = {}): Generator<GeneratedRepo> {
  const next = random(seed)
  for (let n = 0; n < count; n += 1) {
    const repo = {
      did: generateDid(next),
      head: generateCid(next),
      rev: tid(FIRST_REV_US + n * 1_000_000, integer(next, 1024)),
    }
    yield next() < 0.02
      ? { ...repo, active: false, status: pick(next, STATUSES) }
      : { ...repo, active: true }
  }
}
