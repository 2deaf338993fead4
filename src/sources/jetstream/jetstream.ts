import { asyncScheduler, defer, type Observable } from 'rxjs'
import { CursorProgress } from '../../connection/cursor-progress.js'
import { live } from '../../connection/live.js'
import { checkpointOptions, liveOptions } from '../../connection/live-config.js'
import type { CursorProtocol } from '../../connection/protocol.js'
import { hashOf } from '../../internal/hash.js'
import { checkJetstreamConfig, type JetstreamConfig } from './config.js'
import type { JetstreamEvent, RecordMap } from './events.js'
import { v1 } from './v1.js'

/**
 * Reads a Jetstream: everything that happens on the network, as events.
 *
 * **Cold**: each subscription opens one connection and closes it on unsubscription; `share()` lets one serve many.
 * **Order**: as the server sends, which keeps the order of each repository.
 * **Loss**: none that is not reported to `gaps`; with a `checkpoint`, at least once over restarts.
 * **Resume**: a lost connection is dialled again with backoff, at the position of the last event received; what the inclusive cursor repeats is
 * recognised and not emitted again.
 * **Completion**: never by itself.
 * **Errors**: {@link ConfigError} is thrown at the call. The stream errors with `RefusedError` (401, 404, a refused filter),
 * `ReconnectExhaustedError`, `CursorRefusedError` or `CursorStoreError`; frames that cannot be read go to `rejects`.
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
  const { hosts, start } = checkJetstreamConfig(config as JetstreamConfig)
  const options = liveOptions(config, hosts)
  const protocol = v1(config as JetstreamConfig, options.maxFrameBytes)
  const checkpoint = checkpointOptions(config.checkpoint)
  const key = keyOf(protocol, hosts, config as JetstreamConfig)
  const onCursorRefused = config.onCursorRefused ?? 'oldest'
  const events$ = defer(() => {
    const positions = { start: start(asyncScheduler.now()), onCursorRefused, checkpoint, key }
    return live<JetstreamEvent>({ protocol, options, progress: (gaps, context) => new CursorProgress(protocol, positions, gaps, context) })
  })
  return events$ as Observable<JetstreamEvent<Records>>
}

/** The stream's name in a cursor store: a position means nothing on another wire or host, or under another filter. */
function keyOf(
  protocol: CursorProtocol<JetstreamEvent>,
  hosts: readonly string[],
  { collections = [], dids = [], kinds = [] }: JetstreamConfig,
): string {
  const filter = [
    ...[...new Set(collections)].sort().map((nsid) => `collection=${nsid}`),
    ...[...new Set(kinds)].sort().map((kind) => `kind=${kind}`),
    ...(dids.length === 0 ? [] : [`dids=${new Set(dids).size}:${hashOf([...new Set(dids)].sort().join())}`]),
  ]
  return [protocol.name, ...[...hosts].sort(), ...filter].join(' ')
}
