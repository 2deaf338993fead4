import { defer, finalize, from, type Observable } from 'rxjs'
import * as z from 'zod/mini'
import { isDid } from '../../atproto/syntax.js'
import { hostUrl } from '../../live/host.js'
import { checkShape, Issues, shown } from '../../options/shapes.js'
import { type TapAdminConfig, tapAdmin, tapAdminShape } from './admin.js'
import { type AskForRepo, repoChanges, type TapRepoChange } from './repo-changes.js'

/** Which repositories of which Tap to look at, and how often. */
export interface TapReposConfig extends TapAdminConfig {
  /** The repositories. They need not be tracked: one that is not has the state `'untracked'`. */
  readonly dids: readonly string[]
  /** How often each is looked at, in milliseconds. @default 60_000 */
  readonly everyMs?: number | undefined
}

// Above it a timer fires at once.
const LONGEST_MS = 2 ** 31 - 1
const everyMs = z
  .number('must be a number of milliseconds')
  .check(z.gte(1, 'must be at least 1'), z.lte(LONGEST_MS, 'is too long'))

const schema = z.strictObject({
  ...tapAdminShape,
  dids: z
    .array(z.string('must be a DID'), 'must be a list of DIDs')
    .check(z.minLength(1, 'must not be empty')),
  everyMs: z.optional(everyMs),
})

/**
 * Watches how repositories fare in a Tap, whose channel tells nothing of one that fails: polls
 * `/info/:did`, eight at once, and emits each change of `state`. The first look at each is a
 * change.
 *
 * **Cold**: each subscription polls by itself, at once and then every `everyMs`.
 * **Order**: as the answers arrive; of one repository in order.
 * **Loss**: states between two looks are not seen.
 * **Completion**: never by itself.
 * **Errors**: {@link ConfigError} is thrown at the call. A look that fails (404 apart, which is
 * `'untracked'`) is the state `'unknown'` of that repository, with its typed `error`. The stream
 * errors with `RefusedError` where the password is refused (401, 403).
 * **Unsubscription**: aborts the requests under way.
 *
 * ```
 * /info     a:pending b:active   a:active b:active   a:error b:active
 * result    (ab)                 a                   a                 (everyMs apart)
 * ```
 *
 * Source: indigo `cmd/tap`, November 2026.
 *
 * @example
 * ```ts
 * tapRepos$({ host: 'localhost:2480', adminPassword, dids: ['did:plc:ewvi7nxzyoun6zhxrhs64oiz'], everyMs: 60_000 })
 *   .pipe(filter(({ state }) => state === 'error' || state === 'unknown'))
 *   .subscribe(({ did, previous, info, error }) => console.log(did, previous, info?.error ?? error?.message))
 * ```
 */
export function tapRepos$(config: TapReposConfig): Observable<TapRepoChange> {
  const dids = checkTapReposConfig(config)
  const { dids: _dids, everyMs = 60_000, ...server } = config
  const admin = tapAdmin(server)
  const ask: AskForRepo = (did) =>
    defer(() => {
      const controller = new AbortController()
      return from(admin.repoInfo(did, { signal: controller.signal })).pipe(
        finalize(() => controller.abort()),
      )
    })
  return repoChanges(dids, everyMs, ask)
}

/** The DIDs, each once. Throws `ConfigError` with every mistake. */
function checkTapReposConfig(config: TapReposConfig): readonly string[] {
  const issues = new Issues()
  checkShape(schema, config, issues)
  issues.throwIfAny('tapRepos$')
  issues.try('host', () => void hostUrl(config.host ?? 'localhost:2480'), undefined)
  config.dids.forEach((did, index) => {
    if (!isDid(did)) issues.add(`dids.${index}`, `must be a DID, not ${shown(did)}`)
  })
  issues.throwIfAny('tapRepos$')
  return [...new Set(config.dids)]
}
