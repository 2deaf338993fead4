import { timer } from 'rxjs'

/** Resolves after so many milliseconds; rejects with the signal's reason. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const abort = () => {
      waiting.unsubscribe()
      reject(signal.reason)
    }
    const waiting = timer(ms).subscribe(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    })
    signal.addEventListener('abort', abort, { once: true })
  })
