import { defer, lastValueFrom, retry, throwError, timer } from 'rxjs'
import { type CursorStore, StreamError } from '../../index.js'

const RETRY_MS = 1000

/**
 * A store whose `save` waits for Redis to be there again once the run `isEnding`: no other save
 * follows. Before, the source waits by itself.
 */
export const retryingLastSave = (
  { load, save }: CursorStore,
  isEnding: () => boolean,
): CursorStore => ({
  load,
  save: (key, position) =>
    lastValueFrom(
      defer(() => save(key, position)).pipe(
        retry({
          delay: (error) =>
            isEnding() && isAway(error) ? timer(RETRY_MS) : throwError(() => error),
        }),
      ),
    ),
})

/** The error of the store carries what Redis said as its cause. */
const isAway = ({ cause }: Error): boolean => cause instanceof StreamError && cause.retryable
