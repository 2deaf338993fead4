import { defer, type Observable, of } from 'rxjs'
import { dial } from '#socket'
import { hostsOf, liveOptions } from '../../live/config.js'
import { live } from '../../live/live.js'
import { TapAcks } from './acks.js'
import { authorization, checkTapConfig, type TapConfig } from './config.js'
import type { TapEvent } from './events.js'
import { lingering } from './lingering.js'
import { tapProtocol } from './protocol.js'

/**
 * Reads a Tap server: the records and identities of the repositories it tracks, backfill included.
 * A finished delivery is an ack.
 *
 * **Cold**: each subscription opens one connection. Several share the server's events among them.
 * **Order**: for each repository as it happened, since the server sends a live event only when the
 * one before is acked; put `orderBy: (event) => event.did` on the operator that works on them.
 * Backfilled events of one repository come in no order. **Loss**: none: an event that is not acked
 * comes again after the server's retry timeout, and may then be handled twice by two processes.
 * **Resume**: the server knows what is not acked. An ack never goes to another connection than the
 * one that brought its event. After a restart the server sends again what was acked in its last 10
 * s, in order, to any reader: it is handled again. **Completion**: never by itself. **Errors**:
 * {@link ConfigError} is thrown at the call. The stream errors with `RefusedError` (401: the
 * password; 400: a webhook has the events) and `ReconnectExhaustedError`; messages that cannot be
 * read go to `rejects`. **Unsubscription**: takes in nothing more, acks what ends within 10 s, and
 * closes the connection. What was not acked comes again.
 *
 * Source: indigo `cmd/tap`, August 2026.
 *
 * @example
 * ```ts
 * tap$({ host: 'localhost:2480', adminPassword })
 *   .pipe(boundedMergeMap((event) => index(event), { capacity: 1000, concurrency: 32, orderBy: (event) => event.did }))
 *   .subscribe()
 * ```
 */
export function tap$(config: TapConfig = {}): Observable<TapEvent> {
  const { ack, onReject, adminPassword, ...given } = checkTapConfig(config)
  const headers = { ...given.headers, ...authorization(adminPassword) }
  const options = liveOptions({ ...given, headers }, hostsOf(given.host, '/channel'))
  return defer(() => {
    const acks = new TapAcks(ack, onReject)
    return live<TapEvent>({
      protocol: (host) => of(tapProtocol(host)),
      options,
      progress: () => acks,
      dial: lingering(dial, () => acks.idle$),
    })
  })
}
