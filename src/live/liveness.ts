import { filter, interval, map, type Observable, scan } from 'rxjs'
import { IdleTimeoutError } from '../errors.js'
import type { Connection } from '../socket/socket.js'

// Silence is counted in ticks rather than read off a clock: a busy event loop or a sleeping machine
// then misses ticks, and is not taken for a silent server. A twelfth is how late the end may be
// found.
const TICKS = 12
const TICKS_A_PING = 4

/**
 * Errors when `connection` has given no sign of life for `idleTimeoutMs`. Asks for one at each
 * third of that, so that a quiet filter is not silence; while `paused()` nobody reads, and nothing
 * can be heard.
 */
export function silence$(
  connection: Connection,
  idleTimeoutMs: number,
  paused: () => boolean,
): Observable<never> {
  return interval(idleTimeoutMs / TICKS).pipe(
    scan(
      (state, tick) => {
        if ((tick + 1) % TICKS_A_PING === 0 && !paused()) connection.ping()
        const alive = paused() || connection.heard !== state.heard
        return { heard: connection.heard, silent: alive ? 0 : state.silent + 1 }
      },
      { heard: connection.heard, silent: 0 },
    ),
    filter(({ silent }) => silent >= TICKS),
    map(() => {
      throw new IdleTimeoutError(`nothing was heard for \`idleTimeoutMs\` (${idleTimeoutMs} ms)`)
    }),
  )
}
