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
 * Reads a Tap server: the records and identities of the repositories that it tracks, backfill
 * included. A finished delivery is an ack.
 *
 * **Cold**: each subscription opens one connection. Several share the server's events among them.
 * **Order**: for each repository as it happened: the server sends a live event only when the one
 * before is acked. Put `orderBy: (event) => event.did` on the operator that works on them. The
 * backfilled events of one repository come in no order.
 * **Loss**: none. An event that is not acked comes again after the server's retry timeout, and two
 * processes may then handle it.
 * **Resume**: the server knows what is not acked. An ack only goes to the connection that brought
 * its event. After a restart the server sends again what was acked in its last 10 s, in order, to
 * any reader: it is handled again.
 * **Completion**: never by itself.
 * **Errors**: {@link ConfigError} is thrown at the call. The stream errors with `RefusedError`
 * (401: the password; 400: a webhook has the events), `ProxyError` (407) and
 * `ReconnectExhaustedError`. Messages that cannot be read go to `rejects`.
 * **Unsubscription**: takes no more events, acks those that end within 10 s, and closes the
 * connection. Events that were not acked come again.
 *
 * Source: indigo `cmd/tap`, August 2026.
 *
 * @example
 * ```ts
 * tap$({ host: 'localhost:2480', adminPassword })
 *   .pipe(
 *     boundedMergeMap((event) => index(event), {
 *       capacity: 1000,
 *       concurrency: 32,
 *       orderBy: (event) => event.did,
 *     }),
 *   )
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
