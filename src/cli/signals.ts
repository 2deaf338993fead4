import { fromEvent, map, merge, type Observable } from 'rxjs'
import { EXIT } from './exit-codes.js'

export type StopSignal = 'SIGINT' | 'SIGTERM'

export const SIGNAL_EXIT = { SIGINT: EXIT.sigint, SIGTERM: EXIT.sigterm } as const

// A terminal signals npm and us, and npm forwards its signal: two signals for one key press.
const SAME_KEY_MS = 300

// Windows has no SIGTERM: programs are stopped by Ctrl+Break, and by closing their window, which
// leaves them about 10 s. Elsewhere SIGHUP stays as it is, since `nohup` ignores it.
const ON_WINDOWS = { SIGBREAK: 'SIGINT', SIGHUP: 'SIGTERM' } as const

const received = (): readonly Observable<StopSignal>[] =>
  Object.entries({
    SIGINT: 'SIGINT' as const,
    SIGTERM: 'SIGTERM' as const,
    ...(process.platform === 'win32' && ON_WINDOWS),
  }).map(([name, signal]) => fromEvent(process, name).pipe(map(() => signal)))

/**
 * Calls `stop` at the first signal; a later signal ends the process at once. Returns a function
 * that stops listening.
 */
export function onStopSignal(stop: (signal: StopSignal) => void): () => void {
  let firstAt: number | undefined
  const subscription = merge(...received()).subscribe((signal) => {
    if (firstAt !== undefined && performance.now() - firstAt >= SAME_KEY_MS)
      process.exit(SIGNAL_EXIT[signal])
    if (firstAt !== undefined) return
    firstAt = performance.now()
    stop(signal)
  })
  return () => subscription.unsubscribe()
}
