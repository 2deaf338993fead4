import { asyncScheduler, defer, EMPTY, map, type Observable } from 'rxjs'
import { checkpointOptions } from '../../delivery/checkpoint-options.js'
import type { JetstreamEvent, RecordMap } from '../../events.js'
import { liveOptions, PUBLIC_SILENT_MS } from '../../live/config.js'
import { checkJetstreamConfig, checkNewFilters, type JetstreamConfig } from './config.js'
import { keysOf } from './keys.js'
import { mostDidsOf } from './most-dids.js'
import { overOneConnection } from './one-connection.js'
import { overSeveral } from './over-several.js'

import { isLongForV2 } from './v2.js'

/**
 * Reads a Jetstream: everything that happens on the network, as events.
 *
 * **Cold**: each subscription opens one connection (several above 10,000 `dids`) and closes it on
 * unsubscription; `share()` lets one serve many. **Order**: as the server sends, which keeps the
 * order of each repository.
 * **Loss**: none that is not reported to `gaps`; with a `checkpoint`, at least once over restarts.
 * **Resume**: a lost connection is dialled again with backoff, at the position of the last event
 * received; what the inclusive cursor repeats is recognised and not emitted again.
 * **Unsubscription**: closes the connection. What is still open may be finished; the checkpoint is
 * saved as it is. **Completion**: never by itself. **Errors**: {@link ConfigError} is thrown at the
 * call. The stream errors with `RefusedError` (401, 404, a refused filter), `ProxyError` (407),
 * `ReconnectExhaustedError`, `CursorRefusedError` or `CursorStoreError`; frames that cannot be read
 * go to `rejects`. With `archive` also with `CursorLoopError`.
 *
 * Source: `bluesky-social/jetstream`, wire v1 as served in August 2026.
 *
 * @example
 * ```ts
 * jetstream$({ collections: ['app.bsky.feed.post'] })
 *   .pipe(filter(isCreate('app.bsky.feed.post')))
 *   .subscribe((event) => console.log(event.did, event.commit.record))
 * ```
 */
export function jetstream$<Records extends RecordMap = RecordMap>(
  config: JetstreamConfig<Records> = {},
): Observable<JetstreamEvent<Records>> {
  const checked = checkJetstreamConfig(config as JetstreamConfig)
  const { config: plain, hosts, isPublic, wire, start } = checked
  const options = liveOptions(plain, hosts, isPublic ? PUBLIC_SILENT_MS : undefined)
  const checkpoint = checkpointOptions(plain.checkpoint)
  const read = overOneConnection(checked, options, keysOf(plain, hosts, checkpoint))
  const mostDids = mostDidsOf(wire)
  const filters$ = plain.filters$?.pipe(map((changed) => checkNewFilters(changed, wire, plain)))
  // A long URL may have to be split over connections, too.
  const isShort = new Set(plain.dids).size <= mostDids && !(wire === 'v2' && isLongForV2(plain))
  const isOne = filters$ === undefined && isShort
  const events$ = defer(() => {
    const reading = {
      filters: plain,
      filters$: filters$ ?? EMPTY,
      start: start(asyncScheduler.now()),
      checkpoint,
      metrics$: plain.metrics$,
      whole: () => plain,
    }
    const several = { ...reading, host: hosts[0], mostDids, read }
    return isOne ? read(reading) : overSeveral(several, options.log)
  })
  return events$ as Observable<JetstreamEvent<Records>>
}
