import { map, Observable } from 'rxjs'
import { logOf } from '../../internal/log.js'
import { mergeHosts } from '../../live/each-host.js'
import { checkListReposConfig, type ListingOptions, type ListReposConfig } from './config.js'
import type { RepoEvent } from './events.js'
import { type ListedRepo, Listing } from './listing.js'

/**
 * Lists all repositories of a relay or a PDS, page by page, for a backfill of every account.
 *
 * **Cold**: each subscription starts at the first page, or at its checkpoint. **Order**: as the
 * server lists. Several hosts are listed at the same time, each from its own checkpoint.
 * **Demand**: the next page is requested when all repos of the page before are emitted and no queue
 * is full, so slow work stops the paging. **Loss**: none. A page is done when all its repos are
 * done, and the listing is completed when all its pages are. After a restart, every page with a
 * repo that was not done is emitted again, whole. A bad repo goes to `rejects`; the others of its
 * page are emitted. **Resume**: at the oldest page with a repo that is not done. After a 429, a 5xx
 * or a lost connection the request is retried, no earlier than `Retry-After` says.
 * **Completion**: when the last repo is done and the checkpoint says so. If an earlier run
 * completed the listing: at once, see `onCompleted`. **Errors**: {@link ConfigError} is thrown at
 * the call. The stream errors with `RefusedError` (4xx, a redirect), `ProxyError` (407),
 * `PageError`, `CursorLoopError`, `ReconnectExhaustedError` or `CursorStoreError`. A host that
 * refuses for good is logged; the others are listed to their ends, and then the stream ends with
 * its error. Any other error of one host ends them all. **Unsubscription**: aborts the request and
 * saves the checkpoint.
 *
 * Source: `com.atproto.sync.listRepos` of indigo's relay and the TypeScript PDS, August 2026.
 *
 * @example
 * ```ts
 * listRepos$({ checkpoint: memoryCursorStore() })
 *   .pipe(boundedMergeMap((repo) => index(repo), { concurrency: 16 }))
 *   .subscribe({ complete: () => console.log('all repos are done') })
 * ```
 */
export function listRepos$(config: ListReposConfig = {}): Observable<RepoEvent> {
  return mergeHosts(
    checkListReposConfig(config).map((options) => [options.host, listingOf(options)] as const),
    logOf(config.log),
  )
}

const listingOf = (options: ListingOptions): Observable<RepoEvent> =>
  new Observable<ListedRepo>((subscriber) => new Listing(options, subscriber).start()).pipe(
    map(({ repo }) => repo),
  )
