import type { Observable } from 'rxjs'
import { eachHost } from '../../live/each-host.js'
import { checkLabelsConfig, type LabelsConfig } from './config.js'
import { labelsOf } from './host-labels.js'
import type { LabelEvent } from './label.js'

/**
 * Reads the labels of labelers, `com.atproto.label.subscribeLabels`: what is labelled, and what is
 * taken back. Nothing is verified, and nothing expires: see `exp`.
 *
 * **Cold**: each subscription opens one connection for each host and closes it on unsubscription;
 * `share()` lets one serve many. **Order**: as the labeler sends. Several hosts are merged as they
 * come. **Loss**: from the first message on, none that is not reported to `gaps`; with a
 * `checkpoint`, at least once over restarts. A label that was replaced while nobody listened is not
 * sent any more: its successor is. **Resume**: a lost connection is dialled again with backoff, at
 * the position of the last label received, which the labeler is made to repeat if it still has it:
 * the repeat is not emitted again. **Completion**: never by itself. **Errors**: {@link ConfigError}
 * is thrown at the call. The stream errors with `RefusedError` (401, 404, a refused request),
 * `WireError` (the server sends text), `ReconnectExhaustedError`, `CursorRefusedError`,
 * `CursorStoreError` or, under `onLargeFrame: 'fail'`, `FrameTooLargeError`; frames and labels that
 * cannot be read go to `rejects`. An error of one host ends them all. **Unsubscription**: closes
 * the connections. What is still open may be finished; the checkpoint is saved as it is.
 *
 * Source: the lexicon, and ozone 0.4.2 as recorded.
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
