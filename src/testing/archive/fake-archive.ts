import type { FakeArchive, FakeArchiveOptions } from './contract.js'
import { ArchiveServer } from './server.js'

/**
 * Starts a real server that behaves like a Jetstream of wire v2 with an archive: `planSnapshot`,
 * `listSegments`, `getSegment` and `getBlock` over real segment files, ranges and ETags included,
 * and the socket that goes on behind them. It goes wrong on request.
 *
 * @example
 * ```ts
 * await using server = await fakeArchive({
 *   events: 1000,
 *   faults: [{ method: 'getSegment', onRequest: 1, do: 'cut', afterBytes: 5000 }],
 * })
 * const count$ = archive$({ host: server.host, reconnect: { initialDelayMs: 1 } }).pipe(count())
 * ```
 */
export async function fakeArchive(options: FakeArchiveOptions = {}): Promise<FakeArchive> {
  const server = new ArchiveServer(options)
  await server.listen(options.port ?? 0)
  return server
}
