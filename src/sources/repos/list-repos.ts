import { map, merge, Observable } from 'rxjs'
import { checkListReposConfig, type ListingOptions, type ListReposConfig } from './config.js'
import type { RepoEvent } from './events.js'
import { type ListedRepo, Listing } from './listing.js'

/**
 * Lists the repositories of a relay or a PDS, page by page: every account there is, for a backfill.
 *
 * **Cold**: each subscription lists anew, or from its checkpoint. **Order**: as the server lists.
 * Several hosts are listed side by side, each from its own checkpoint. **Demand**: the next page is
 * asked for when the one before is emitted and no queue is full, so that slow work stops the
 * paging. **Loss**: none. A page counts as done when all its repos are, and the listing as
 * completed when all its pages are: a restart brings every repo that was not done, with the others
 * of its page. A bad repo goes to `rejects`, its neighbours come through. **Resume**: at the oldest
 * page with a repo that is not done. 429, 5xx and lost connections are waited out, with
 * `Retry-After`. **Completion**: when the last repo is done and that is saved. After a restart at
 * once: see `onCompleted`. **Errors**: {@link ConfigError} is thrown at the call. The stream errors
 * with `RefusedError` (4xx, a redirect), `PageError`, `CursorLoopError`, `ReconnectExhaustedError`
 * or `CursorStoreError`. An error of one host ends them all. **Unsubscription**: aborts the
 * request, and saves how far the listing is done.
 *
 * Source: `com.atproto.sync.listRepos` as indigo's relay and the TypeScript PDS serve it, August
 * 2026.
 *
 * @example
 * ```ts
 * listRepos$({ checkpoint: memoryCursorStore() })
 *   .pipe(boundedMergeMap((repo) => index(repo), { concurrency: 16 }))
 *   .subscribe({ complete: () => console.log('all repos are done') })
 * ```
 */
export function listRepos$(config: ListReposConfig = {}): Observable<RepoEvent> {
  return merge(...checkListReposConfig(config).map(listingOf))
}

const listingOf = (options: ListingOptions): Observable<RepoEvent> =>
  new Observable<ListedRepo>((subscriber) => new Listing(options, subscriber).start()).pipe(
    map(({ repo }) => repo),
  )
