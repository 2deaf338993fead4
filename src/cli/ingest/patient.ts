import { defer, lastValueFrom, type Observable, retry, throwError, timer } from 'rxjs'
import { type CursorStore, StreamError } from '../../index.js'

const RETRY_MS = 1000

/** A store that waits for Redis to be there again: with `load`, and with a `save` while it `isEnding`. Before, another one follows. */
export const patient = ({ load, save }: CursorStore, isEnding: () => boolean): CursorStore => ({
  load: (key) => persistently(() => load(key), waitFor),
  save: (key, position) =>
    persistently(
      () => save(key, position),
      (error) => (isEnding() ? waitFor(error) : throwError(() => error)),
    ),
})

const persistently = <T>(ask: () => PromiseLike<T>, delay: (error: unknown) => Observable<unknown>): Promise<T> =>
  lastValueFrom(defer(ask).pipe(retry({ delay })))

function waitFor(error: unknown) {
  if (canPass(error)) return timer(RETRY_MS)
  throw error
}

/** An error of a store carries what Redis said as its cause. */
const canPass = (error: unknown): boolean =>
  error instanceof StreamError && (error.retryable || (error.cause !== error && canPass(error.cause)))
