import { filter, interval, map, NEVER, type Observable, scan } from 'rxjs'
import { IdleTimeoutError, SilentError } from '../errors.js'
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

/** What {@link noEvents$} looks at. */
export interface EventFlow {
  /** Changes with every event, repeats included, and with every piece of a frame. */
  readonly arrivals: number
  /** Whether none is expected: nothing is read, or the filter may match nothing for hours. */
  readonly isQuiet: boolean
}

/**
 * Errors when no event arrived for `silentTimeoutMs`, although the connection lives. Bytes keep a
 * connection alive, events a stream.
 */
export function noEvents$(flow: EventFlow, silentTimeoutMs: number): Observable<never> {
  if (silentTimeoutMs === Number.POSITIVE_INFINITY) return NEVER
  return interval(silentTimeoutMs / TICKS).pipe(
    scan(
      (state) => {
        const { arrivals, isQuiet } = flow
        const alive = isQuiet || arrivals !== state.arrivals
        return { arrivals, silent: alive ? 0 : state.silent + 1 }
      },
      { arrivals: flow.arrivals, silent: 0 },
    ),
    filter(({ silent }) => silent >= TICKS),
    map(() => {
      throw new SilentError(`no event for \`silentTimeoutMs\` (${silentTimeoutMs} ms)`)
    }),
  )
}
