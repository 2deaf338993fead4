import {
  asyncScheduler,
  defer,
  EMPTY,
  from,
  map,
  type Observable,
  type ObservableInput,
  of,
  tap,
} from 'rxjs'
import { filtersKey } from '../../atproto/filters.js'
import { recordChecker, type Schemas } from '../../atproto/records.js'
import type { PositionKeys } from '../../cursors/load-position.js'
import type { CheckpointOptions } from '../../delivery/checkpoint-options.js'
import { positionKeys } from '../../delivery/position-keys.js'
import type { JetstreamEvent, RecordMap } from '../../events.js'
import {
  checkpointOptions,
  type LiveOptions,
  liveOptions,
  PUBLIC_SILENT_MS,
} from '../../live/config.js'
import { CursorProgress } from '../../live/cursor-progress.js'
import { filterHistory, withoutDelivered } from '../../live/filter-history.js'
import { live } from '../../live/live.js'
import type { CursorProtocol } from '../../live/protocol.js'
import { ArchiveOrSocket } from './archive/archive-or-socket.js'
import { endpointOf, requestOptionsOf } from './archive/endpoint.js'
import { Compressions } from './compression.js'
import {
  type CheckedJetstreamConfig,
  checkJetstreamConfig,
  checkNewFilters,
  type JetstreamConfig,
} from './config.js'
import { eager, lazy } from './decoding.js'
import { collectionOf, isNew, type JetstreamFilters, matchesNobody, mayBeQuiet } from './filters.js'
import { newestEvery } from './newest-every.js'
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
  const wires = wiresOf(checked, options)
  const checkpoint = checkpointOptions(plain.checkpoint)
  const keys = keysOf(plain, hosts, checkpoint)
  const events$ = defer(() => {
    let filters: JetstreamFilters = plain
    let isDialled = false
    const history = filterHistory(checkpoint, keys, () => filters)
    const positions = {
      start: start(asyncScheduler.now()),
      onCursorRefused: plain.onCursorRefused,
      checkpoint,
      ...keys,
      history,
      host: hosts[0],
    }
    const either = plain.archive && archiveOrSocket(checked, options)
    return live<JetstreamEvent>({
      options,
      protocol: (host) => {
        isDialled = true
        if (matchesNobody(filters)) return of(undefined)
        return from(protocolOf(host, filters, wires, either)).pipe(
          map((made) => withoutDelivered(made, history, isNew)),
        )
      },
      progress: (gaps, context) => {
        const progress = new CursorProgress<JetstreamEvent>(positions, gaps, context)
        return either?.attach(progress, gaps) ?? progress
      },
      // Who sets the option knows the filter.
      isQuiet: () => plain.silentTimeoutMs === undefined && mayBeQuiet(filters),
      ...(plain.blindTimeoutMs === Number.POSITIVE_INFINITY
        ? {}
        : { collections: { blindTimeoutMs: plain.blindTimeoutMs, of: collectionOf } }),
      changes$: (plain.filters$ ?? EMPTY).pipe(
        map((changed) => checkNewFilters(changed, wire, plain.archive !== undefined)),
        // Before the first dial a change costs nothing.
        newestEvery(() => (isDialled ? plain.filterChangesEveryMs : 0)),
        tap((changed) => {
          filters = changed
        }),
      ),
    })
  })
  return events$ as Observable<JetstreamEvent<Records>>
}

function protocolOf(
  host: string,
  filters: JetstreamFilters,
  wires: WireNegotiation,
  either: ArchiveOrSocket | undefined,
): ObservableInput<CursorProtocol<JetstreamEvent>> {
  if (either?.isArchive) {
    const archive = either.archive(filters)
    return archive instanceof Promise ? archive : of(archive)
  }
  const made = wires.protocol(host, filters)
  const wrapped = (protocol: CursorProtocol<JetstreamEvent>) => either?.socket(protocol) ?? protocol
  return made instanceof Promise ? made.then(wrapped) : of(wrapped(made))
}

function archiveOrSocket(
  { config: { archive, reconnect, records }, hosts: [host] }: CheckedJetstreamConfig,
  options: LiveOptions,
): ArchiveOrSocket {
  const endpoint = endpointOf(host)
  const apiKey = archive === true ? undefined : archive?.apiKey
  return new ArchiveOrSocket({
    host: endpoint,
    requests: requestOptionsOf(endpoint, apiKey, options),
    checker: recordChecker(records as Schemas | undefined),
    backoff: reconnect,
    log: options.log,
  })
}

function wiresOf({ config, wire }: CheckedJetstreamConfig, options: LiveOptions): WireNegotiation {
  const { maxFrameBytes, log } = options
  const compressions = new Compressions(config.compress, config.zstdDictionary, config.agent)
  const decoding = (config.decode === 'lazy' ? lazy : eager)(
    recordChecker(config.records as Schemas | undefined),
  )
  return new WireNegotiation(wire, compressions, { maxFrameBytes, decoding }, log)
}

/** Without a name, a position is valid only on its own wire and hosts, and under its own filter. */
function keysOf(
  config: JetstreamConfig,
  hosts: readonly string[],
  checkpoint: CheckpointOptions | undefined,
): PositionKeys {
  const unnamed = [`jetstream/${config.wire}`, ...[...hosts].sort(), ...filtersKey(config)]
  // With one, a position of another wire or host is asked for by its time.
  return positionKeys(checkpoint, unnamed.join(' '), 'jetstream')
}
