import type { Observable } from 'rxjs'
import { eachHost } from '../../live/each-host.js'
import { checkLabelsConfig, type LabelsConfig } from './config.js'
import { labelsOf } from './host-labels.js'
import type { LabelEvent } from './label.js'

/**
 * Reads the labels of labelers, `com.atproto.label.subscribeLabels`: new labels, and negations of
 * earlier ones. Signatures are not verified, and the end of a label's validity is not an event: see
 * `exp`.
 *
 * **Cold**: each subscription opens one connection for each host and closes it on unsubscription;
 * `share()` lets one connection serve many subscribers. **Order**: as the labeler sends. Labels of
 * several hosts are merged as they arrive. **Loss**: after the first message, every loss is
 * reported to `gaps`; with a `checkpoint`, delivery is at least once across restarts. A labeler
 * keeps only the newest label for a subject and value: one that was replaced while you were not
 * connected is never sent, its replacement is. **Resume**: a lost connection is dialled again with
 * backoff, so that the labeler repeats the last label received if it still has it. The repeat is
 * not emitted.
 * **Completion**: never by itself. **Errors**: {@link ConfigError} is thrown at the call. The
 * stream errors with `RefusedError` (401, 404, a refused request), `ProxyError` (407), `WireError`
 * (the server sends text), `ReconnectExhaustedError`, `CursorRefusedError`, `CursorStoreError` or,
 * under `onLargeFrame: 'fail'`, `FrameTooLargeError`; frames and labels that cannot be read go to
 * `rejects`. A host that refuses for good is logged, and the stream ends when all of them do; any
 * other error of one host ends them all. **Unsubscription**: closes the connections and saves the
 * checkpoint. Work in flight can still finish, and the checkpoint is then saved again.
 *
 * Source: the lexicon, and recordings of ozone 0.4.2.
 *
 * @example
 * ```ts
 * labels$({ host: 'mod.bsky.app', cursor: 'oldest', checkpoint: memoryCursorStore() })
 *   .pipe(boundedMergeMap((label) => index(label), { orderBy: ({ uri }) => uri, concurrency: 16 }))
 *   .subscribe()
 * ```
 */
export const labels$ = (config: LabelsConfig): Observable<LabelEvent> =>
  eachHost(config, checkLabelsConfig(config), (host, options) => labelsOf(host, config, options))
