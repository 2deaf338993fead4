import { defer, lastValueFrom, retry, timer } from 'rxjs'
import { type CursorStore, StreamError } from '../../index.js'

const RETRY_MS = 1000

/** A store whose `load` waits for Redis to be there again. A `save` need not: another one follows. */
export const patient = ({ load, save }: CursorStore): CursorStore => ({
  load: (key) => lastValueFrom(defer(() => load(key)).pipe(retry({ delay: waitFor }))),
  save,
})

function waitFor(error: unknown) {
  if (canPass(error)) return timer(RETRY_MS)
  throw error
}

/** An error of a store carries what Redis said as its cause. */
const canPass = (error: unknown): boolean =>
  error instanceof StreamError && (error.retryable || (error.cause !== error && canPass(error.cause)))
