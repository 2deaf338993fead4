import { defer, from, Observable, retry, switchMap, timer } from 'rxjs'
import type { Log } from '../internal/log.js'
import { messageOf } from '../internal/message-of.js'
import type { Part } from '../internal/part.js'
import { backoffMs } from '../options/backoff.js'
import { currentWatch, watching } from './subscription-watch.js'

/**
 * A stream that needs a part, which a page loads first. Whoever watches the subscription finds the
 * streams in it all the same. If the part cannot be loaded, that is tried again.
 */
export function withPart<Module, T>(
  part: Part<Module>,
  log: Log,
  use: (module: Module) => Observable<T>,
): Observable<T> {
  if (part.loaded !== undefined) return use(part.loaded)
  const watch = currentWatch()
  const used = (module: Module): Observable<T> =>
    watch === undefined
      ? use(module)
      : new Observable((subscriber) => watching(watch, () => use(module).subscribe(subscriber)))
  return defer(() => from(part.load())).pipe(
    retry({
      delay(error, attempt) {
        if (attempt === 1) log.warn(messageOf(error))
        return timer(backoffMs(attempt))
      },
    }),
    switchMap(used),
  )
}
