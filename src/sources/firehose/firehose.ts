import type { Observable } from 'rxjs'
import type { FirehoseEvent, RecordMap } from '../../events.js'
import { eachHost } from '../../live/each-host.js'
import { checkFirehoseConfig, type FirehoseConfig } from './config.js'
import { eventsOf } from './host-events.js'

/**
 * Reads the firehose of a relay or a PDS, `com.atproto.sync.subscribeRepos`: the events of a
 * Jetstream, from the place where they are made, with the CIDs of commits and of what was there
 * before. No signature and no tree is verified.
 *
 * **Cold**: each subscription opens one connection for each host and closes it on unsubscription;
 * `share()` lets one serve many. **Order**: as the server sends, which keeps the order of each
 * repository; a commit of n operations is n events, in its order. Several hosts are merged as they
 * come. **Loss**: from the first message on, none that is not reported to `gaps`; with a
 * `checkpoint`, at least once over restarts. The events of one commit are one delivery, which is
 * done when all of them are: a position never lies inside a commit. **Resume**: a lost connection
 * is dialled again with backoff, at the position of the last message received, which the server is
 * made to repeat: the repeat is not emitted again, and shows that its log is still the same.
 * **Completion**: never by itself. **Errors**: {@link ConfigError} is thrown at the call. The
 * stream errors with `RefusedError` (401, 404, a refused request), `WireError` (the server sends
 * text), `ReconnectExhaustedError`, `CursorRefusedError`, `CursorStoreError` or, under
 * `onLargeFrame: 'fail'`, `FrameTooLargeError`; frames that cannot be read go to `rejects`. A
 * record is decoded when `commit.record` is first read, which throws `RecordError` where that
 * fails; one that the server did not send, or sent wrong, is named by `commit.problem`.
 * **Unsubscription**: closes the connections. What is still open may be finished; the checkpoint is
 * saved as it is.
 *
 * Source: the lexicon, and PDS 0.5.35 and indigo's relay as they ran in August 2026.
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
