import { EMPTY, type Subscription, timer } from 'rxjs'
import type { StreamError } from '../index.js'
import type { StreamOptions } from './options.js'

/** Whether somebody shuts the application down on a signal. */
const isListening = (): boolean => process.listenerCount('SIGTERM') > 0

// What has to have begun by then: other modules may take longer to end.
const BEGUN_MS = 10_000
const BOOTSTRAP_MS = 1000

interface Ended {
  readonly name: string
  readonly options: Pick<StreamOptions, 'onFatal'>
}

/**
 * Does what the option `onFatal` of a stream says. The caller unsubscribes when the hooks of a
 * shutdown have begun.
 */
export function onFatal(
  { name, options }: Ended,
  error: StreamError,
  stop: () => Promise<unknown>,
): Subscription {
  if (options.onFatal === 'shutdown') return shutDown(stop)
  if (options.onFatal !== 'unhealthy') void Promise.resolve(options.onFatal(error, name))
  return EMPTY.subscribe()
}

/**
 * Shuts the application down as a signal would, and ends the process with exit code 1. Without
 * shutdown hooks, or where they do not run, `stop` is all that is waited for.
 */
function shutDown(stop: () => Promise<unknown>): Subscription {
  // Two streams may fail together. A second signal would cut what the first has begun.
  if (process.listeners('exit').includes(asFailed)) return EMPTY.subscribe()
  // Nest may exit with 0, and so may whoever else listens.
  process.once('exit', asFailed)
  const stopped = () => void stop().finally(exit)
  if (!isListening()) {
    stopped()
    return EMPTY.subscribe()
  }
  // Not `process.kill`, which on Windows runs no listener.
  process.emit('SIGTERM', 'SIGTERM')
  // After its hooks Nest kills the process by the signal, which has no exit code.
  process.once('SIGTERM', exit)
  return timer(BEGUN_MS).subscribe(stopped)
}

const FAILED = 1
const exit = (): void => process.exit(FAILED)
const asFailed = (): void => {
  process.exitCode = FAILED
}

/** Calls `warn` where no shutdown hooks are on after bootstrap. */
export const warnWithoutHooks = (warn: () => void): Subscription =>
  // `main.ts` may turn them on after `listen`.
  timer(BOOTSTRAP_MS).subscribe(() => {
    if (!isListening()) warn()
  })
