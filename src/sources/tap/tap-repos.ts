import { defer, finalize, from, type Observable } from 'rxjs'
import * as z from '#schema'
import { filterLists } from '../../atproto/filters.js'
import { checkShape } from '../../options/check-shape.js'
import { Issues } from '../../options/issues.js'
import { defaultsTo, milliseconds } from '../../options/pieces.js'
import type { WithDefaults } from '../../options/with-defaults.js'
import { checkAdminAgent, type TapAdminConfig, tapAdmin, tapAdminShape } from './admin.js'
import { type RequestRepo, repoChanges, type TapRepoChange } from './repo-changes.js'

/** Which repositories of which Tap to poll, and how often. */
export interface TapReposConfig extends TapAdminConfig {
  /** The repositories. They need not be tracked: one that is not has the state `'untracked'`. */
  readonly dids: readonly string[]
  /**
   * The interval between two polls of a repository, in milliseconds.
   * @default 60_000
   */
  readonly everyMs?: number | undefined
}

const shape = {
  ...tapAdminShape,
  dids: filterLists.dids.check(z.minLength(1, 'must not be empty')),
  everyMs: defaultsTo(milliseconds, 60_000),
}

/**
 * Watches the state of repositories in a Tap, because its channel does not report a repository that
 * fails. Polls `/info/:did`, eight at a time, and emits each change of `state`. The first response
 * for each repository is a change.
 *
 * **Cold**: each subscription polls by itself, at once and then every `everyMs`.
 * **Order**: as the responses arrive; in order for each repository.
 * **Loss**: states between two polls are not seen.
 * **Completion**: never by itself.
 * **Errors**: {@link ConfigError} is thrown at the call. A request that fails is the state
 * `'unknown'` of that repository, with its typed `error`; a 404 is `'untracked'`. The stream errors
 * with `RefusedError` if the password is refused (401, 403), and with `ProxyError` if a proxy
 * refuses us.
 * **Unsubscription**: aborts the requests in flight.
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
 * const dids = ['did:plc:ewvi7nxzyoun6zhxrhs64oiz']
 * tapRepos$({ host: 'localhost:2480', adminPassword, dids, everyMs: 60_000 })
 *   .pipe(filter(({ state }) => state === 'error' || state === 'unknown'))
 *   .subscribe(({ did, previous, info, error }) =>
 *     console.log(did, previous, info?.error ?? error?.message),
 *   )
 * ```
 */
export function tapRepos$(config: TapReposConfig): Observable<TapRepoChange> {
  const { dids, everyMs, ...server } = checkTapReposConfig(config)
  const admin = tapAdmin(server)
  const request: RequestRepo = (did) =>
    defer(() => {
      const controller = new AbortController()
      return from(admin.repoInfo(did, { signal: controller.signal })).pipe(
        finalize(() => controller.abort()),
      )
    })
  return repoChanges([...new Set(dids)], everyMs, request)
}

/** Throws `ConfigError` with every mistake. */
function checkTapReposConfig(config: TapReposConfig): WithDefaults<TapReposConfig, typeof shape> {
  const issues = new Issues()
  const options = checkShape(shape, config, issues)
  checkAdminAgent(options, issues)
  issues.throwIfAny('tapRepos$')
  return options
}
