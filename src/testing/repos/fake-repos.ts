import { delay } from '../../options/pieces.js'
import { checkTimers } from '../server/check-timers.js'
import type { FakeRepos, FakeReposOptions } from './contract.js'
import { ReposServer } from './server.js'

/**
 * Starts a real HTTP server that pages through a list of repositories as a relay or a PDS does,
 * refusals included, and goes wrong on request.
 *
 * **Errors**: rejects with `ConfigError` for a `delayMs` that no timer can wait.
 *
 * @example
 * ```ts
 * await using server = await fakeRepos({
 *   repos: 5000,
 *   style: 'pds',
 *   faults: [{ onRequest: 2, do: 'refuse', status: 429 }],
 * })
 * const count$ = listRepos$({ host: server.url, reconnect: { initialDelayMs: 1 } }).pipe(count())
 * ```
 */
export async function fakeRepos(options: FakeReposOptions = {}): Promise<FakeRepos> {
  checkTimers('fakeRepos', delay, delaysOf(options))
  const server = new ReposServer(options)
  await server.listen(options.port ?? 0)
  return server
}

const delaysOf = ({ faults = [] }: FakeReposOptions) =>
  Object.fromEntries(
    faults.map((fault, index) => [
      `faults.${index}.delayMs`,
      fault.do === 'slow' ? fault.delayMs : undefined,
    ]),
  )
