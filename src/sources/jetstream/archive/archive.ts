import { asyncScheduler, defer, type Observable, of } from 'rxjs'
import { type EventFilters, filtersKey } from '../../../atproto/filters.js'
import { recordChecker, type Schemas } from '../../../atproto/records.js'
import { checkpointOptions } from '../../../delivery/checkpoint-options.js'
import type { Gaps } from '../../../delivery/gaps.js'
import { positionKeys } from '../../../delivery/position-keys.js'
import type { JetstreamEvent, RecordMap } from '../../../events.js'
import { CursorProgress } from '../../../live/cursor-progress.js'
import { live } from '../../../live/live.js'
import { namedFilter, withoutDelivered } from '../../../live/named-filter.js'
import { Completed } from '../../../live/protocol.js'
import { isNew } from '../filters.js'
import { type ArchiveConfig, checkArchiveConfig } from './config.js'
import { requestOptionsOf } from './endpoint.js'
import type { ReplayProgress } from './progress.js'
import { archiveProtocol } from './protocol.js'
import { RowReader } from './rows.js'

/**
 * Reads the archive of a Jetstream: everything that ever happened, up to the tip of the moment, as
 * the events that its socket sends. For folds, exports and repairs; {@link jetstream$} with
 * `archive` goes on live.
 *
 * **Cold**: each subscription reads anew, or from its checkpoint. **Order**: that of the log, which
 * keeps the order of each repository. **Demand**: downloads run ahead by 16 MiB, and stop while a
 * queue is full. **Loss**: none that is not reported to `gaps`: bytes that are wrong five times are
 * one gap, `archive-unreadable`. **Resume**: a body that ends early goes on where it ended.
 * Refusals for the quota, 5xx and a network that is away are waited out, without an end, and told
 * in `metrics$`. **Completion**: at the tip, when the last event is done and that is saved.
 * **Errors**: {@link ConfigError} is thrown at the call. The stream errors with `RefusedError`
 * (401, 400, a redirect), `WireError` (no archive), `CursorLoopError`, `ReconnectExhaustedError` or
 * `CursorStoreError`. **Unsubscription**: aborts the downloads, and saves the checkpoint as it is.
 *
 * Source: `bluesky-social/jetstream`, as served in November 2026.
 *
 * @example
 * ```ts
 * archive$({ host: 'jetstream.example', dids: ['did:plc:z72i7hdynmk6r22z27h6tvur'] }).subscribe({
 *   next: (event) => console.log(event.cursor, event.kind),
 *   complete: () => console.log('that is all, up to now'),
 * })
 * ```
 */
export function archive$<Records extends RecordMap = RecordMap>(
  config: ArchiveConfig<Records>,
): Observable<JetstreamEvent<Records>> {
  const { config: plain, options, start } = checkArchiveConfig(config as ArchiveConfig)
  const [host] = options.hosts
  const requests = requestOptionsOf(host, plain.apiKey, options)
  const checkpoint = checkpointOptions(plain.checkpoint)
  const unnamed = ['archive', host, ...filtersKey(plain)].join(' ')
  const keys = positionKeys(checkpoint, unnamed, 'archive', host)
  const { collections, dids, kinds, verify } = plain
  const filters: EventFilters = { collections, dids, kinds }
  const checker = recordChecker(plain.records as Schemas | undefined)
  const events$ = defer(() => {
    let gaps: Gaps | undefined
    let replay: ReplayProgress | undefined
    const filter = namedFilter(checkpoint, keys, () => filters)
    const protocol = archiveProtocol({
      host,
      requests,
      verify,
      filters,
      rows: new RowReader(filters, checker),
      metrics: () => replay?.metrics,
      started: (progress) => {
        replay = progress
      },
      unreadable: (from, to, why) => {
        options.log.warn(`${host}: the archive cannot be read from ${from} to ${to}: ${why}`)
        gaps?.report({ host, from, to, reason: 'archive-unreadable', recoverable: true })
      },
      ended: (tip) => new Completed(`the archive is read up to ${tip}`),
    })
    const positions = {
      start: start(asyncScheduler.now()),
      onCursorRefused: 'fail' as const,
      checkpoint,
      ...keys,
      filter,
      host,
    }
    return live<JetstreamEvent>({
      options,
      protocol: () => of(withoutDelivered(protocol, filter, isNew)),
      progress: (reported, context) => {
        gaps = reported
        return new CursorProgress(positions, reported, context)
      },
    })
  })
  return events$ as Observable<JetstreamEvent<Records>>
}
