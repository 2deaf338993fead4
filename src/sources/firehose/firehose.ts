import type { Observable } from 'rxjs'
import type { FirehoseEvent, RecordMap } from '../../events.js'
import { eachHost } from '../../live/each-host.js'
import { checkFirehoseConfig, type FirehoseConfig } from './config.js'
import { eventsOf } from './host-events.js'

/**
 * Reads the firehose of a relay or a PDS, `com.atproto.sync.subscribeRepos`. It emits the same
 * events as a Jetstream, from their origin, with the CIDs of the commits and of the previous
 * records. Signatures and trees are not verified.
 *
 * **Cold**: each subscription opens one connection for each host and closes it on unsubscription;
 * `share()` lets one connection serve many subscribers. **Order**: as the server sends, which
 * keeps the order of each repository; a commit of n operations gives n events, in its order. Events
 * of several hosts are merged as they arrive. **Loss**: after the first message, every loss is
 * reported to `gaps`; with a `checkpoint`, delivery is at least once across restarts. The events of
 * one commit are one delivery, which is done when all of them are: a position never lies inside a
 * commit. **Resume**: a lost connection is dialled again with backoff, so that the server repeats
 * the last message received. The repeat is not emitted; it proves that the log is still the same.
 * **Completion**: never by itself. **Errors**: {@link ConfigError} is thrown at the call. The
 * stream errors with `RefusedError` (401, 404, a refused request), `ProxyError` (407), `WireError`
 * (the server sends text), `ReconnectExhaustedError`, `CursorRefusedError`, `CursorStoreError` or,
 * under `onLargeFrame: 'fail'`, `FrameTooLargeError`; frames that cannot be read go to `rejects`. A
 * record is decoded when `commit.record` is first read, which throws `RecordError` if that fails.
 * `commit.problem` says that the server did not send a record, or sent a wrong one.
 * **Unsubscription**: closes the connections and saves the checkpoint. Work in flight can still
 * finish, and the checkpoint is then saved again.
 *
 * Source: the lexicon; PDS 0.5.35 and indigo's relay as of August 2026.
 *
 * @example
 * ```ts
 * firehose$({ collections: ['app.bsky.feed.post'] })
 *   .pipe(filter(isCreate('app.bsky.feed.post')))
 *   .subscribe(({ did, commit }) => console.log(did, commit.cid, commit.record))
 * ```
 */
export function firehose$<Records extends RecordMap = RecordMap>(
  config: FirehoseConfig<Records> = {},
): Observable<FirehoseEvent<Records>> {
  const plain = config as FirehoseConfig
  const hosts = checkFirehoseConfig(plain)
  return eachHost(config, hosts, (host, options) => eventsOf(host, plain, options)) as Observable<
    FirehoseEvent<Records>
  >
}
