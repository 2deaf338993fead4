import { checkTimers, period } from '../server/check-timers.js'
import type { FakeTap, FakeTapOptions } from './contract.js'
import { TapServer } from './server.js'

/**
 * Starts a real HTTP and WebSocket server that behaves like indigo's `cmd/tap`, its refusals
 * included, and goes wrong on request.
 *
 * **Order**: of one DID, a live event waits until all before it are acked, travels alone, and holds
 * up what follows until it is acked. Historical events and identities travel together. Several
 * clients take turns. Two copies of an event have the same id and the same bytes. **Acks**: in any
 * order, by any connection; one that comes twice or too early is no error, and deletes the event it
 * names. **Ends**: every end that the server makes is 1006. What was in flight comes again by the
 * retry timer or after a restart, never by a reconnect. **Restart**: what was acked in the last 10
 * s comes again, too, in order, to whoever is connected. **Errors**: rejects with `ConfigError` for
 * a time that no timer can wait.
 *
 * @example
 * await using tap = await fakeTap({ events: 1_000, retryTimeoutMs: 50 })
 * tap$({ host: tap.url }).subscribe()
 * await tap.drained()
 */
export async function fakeTap(options: FakeTapOptions = {}): Promise<FakeTap> {
  checkTimers('fakeTap', period, { retryTimeoutMs: options.retryTimeoutMs })
  const server = new TapServer(options)
  await server.listen(options.port ?? 0)
  return server
}
