import { filter, interval, map, type Observable, scan } from 'rxjs'
import { IdleTimeoutError } from '../errors.js'
import type { Connection } from '../socket/socket.js'

// Silence is counted in ticks, not read from a clock: a busy event loop or a sleeping machine then
// misses ticks, and is not taken for a silent server. The end may be noticed a twelfth late.
const TICKS = 12
const TICKS_A_PING = 4

/**
 * Errors when nothing was heard on `connection` for `idleTimeoutMs`. Sends a ping at each third of
 * that, so that a quiet filter is not silence. While `paused()` nothing is read, so nothing is
 * counted.
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
