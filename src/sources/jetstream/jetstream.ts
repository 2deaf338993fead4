import { asyncScheduler, defer, EMPTY, type Observable, of, tap } from 'rxjs'
import { filtersKey } from '../../atproto/filters.js'
import { recordChecker, type Schemas } from '../../atproto/records.js'
import type { JetstreamEvent, RecordMap } from '../../events.js'
import { checkpointOptions, liveOptions, PUBLIC_SILENT_MS } from '../../live/config.js'
import { CursorProgress } from '../../live/cursor-progress.js'
import { live } from '../../live/live.js'
import { Compressions } from './compression.js'
import { checkJetstreamConfig, checkNewFilters, type JetstreamConfig } from './config.js'
import { eager, lazy } from './decoding.js'
import { type JetstreamFilters, matchesNobody, mayBeQuiet } from './filters.js'
import { WireNegotiation } from './wire.js'

/**
 * Reads a Jetstream: everything that happens on the network, as events.
 *
 * **Cold**: each subscription opens one connection and closes it on unsubscription; `share()` lets
 * one serve many. **Order**: as the server sends, which keeps the order of each repository.
 * **Loss**: none that is not reported to `gaps`; with a `checkpoint`, at least once over restarts.
 * **Resume**: a lost connection is dialled again with backoff, at the position of the last event
 * received; what the inclusive cursor repeats is recognised and not emitted again.
 * **Unsubscription**: closes the connection. What is still open may be finished; the checkpoint is
 * saved as it is. **Completion**: never by itself. **Errors**: {@link ConfigError} is thrown at the
 * call. The stream errors with `RefusedError` (401, 404, a refused filter), `ProxyError` (407),
 * `ReconnectExhaustedError`, `CursorRefusedError` or `CursorStoreError`; frames that cannot be read
 * go to `rejects`.
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
  const compressions = new Compressions(plain.compress, plain.zstdDictionary, plain.agent)
  const decoding = (plain.decode === 'lazy' ? lazy : eager)(
    recordChecker(plain.records as Schemas | undefined),
  )
  const wires = new WireNegotiation(
    wire,
    compressions,
    { maxFrameBytes: options.maxFrameBytes, decoding },
    options.log,
  )
  const checkpoint = checkpointOptions(plain.checkpoint)
  // A position means nothing on another wire or host, or under another filter.
  const key = [`jetstream/${plain.wire}`, ...[...hosts].sort(), ...filtersKey(plain)].join(' ')
  const { onCursorRefused } = plain
  const events$ = defer(() => {
    let filters: JetstreamFilters = plain
    const positions = {
      start: start(asyncScheduler.now()),
      onCursorRefused,
      checkpoint,
      key,
      host: hosts[0],
    }
    return live<JetstreamEvent>({
      options,
      protocol: (host) => {
        if (matchesNobody(filters)) return of(undefined)
        const protocol = wires.protocol(host, filters)
        return protocol instanceof Promise ? protocol : of(protocol)
      },
      progress: (gaps, context) => new CursorProgress(positions, gaps, context),
      // Who sets the option knows the filter.
      isQuiet: () => plain.silentTimeoutMs === undefined && mayBeQuiet(filters),
      ...(plain.blindTimeoutMs === Number.POSITIVE_INFINITY
        ? {}
        : { collections: { blindTimeoutMs: plain.blindTimeoutMs, of: collectionOf } }),
      changes$: (plain.filters$ ?? EMPTY).pipe(
        tap((changed) => {
          filters = checkNewFilters(changed, wire)
        }),
      ),
    })
  })
  return events$ as Observable<JetstreamEvent<Records>>
}

const collectionOf = (event: JetstreamEvent): string | undefined =>
  event.kind === 'commit' ? event.commit.collection : undefined
