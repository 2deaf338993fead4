import { EMPTY, type Subscription, timer } from 'rxjs'
import type { StreamError } from '../index.js'
import type { StreamOptions } from './options.js'

/** Whether there is a listener that shuts the application down on a signal. */
const isListening = (): boolean => process.listenerCount('SIGTERM') > 0

// The time in which the hooks of the shutdown have to begin. The hooks of other modules may take
// longer to end.
const BEGUN_MS = 10_000
const BOOTSTRAP_MS = 1000

interface Ended {
  readonly name: string
  readonly options: Pick<StreamOptions, 'onFatal'>
}

/**
 * Applies the option `onFatal` of a stream. The caller unsubscribes when the hooks of a shutdown
 * have begun.
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
 * Shuts the application down as a signal would, and ends the process with exit code 1. If there are
 * no shutdown hooks, or they do not run, it waits for `stop` alone.
 */
function shutDown(stop: () => Promise<unknown>): Subscription {
  // Two streams may fail together. A second signal would cut the shutdown that the first began.
  if (process.listeners('exit').includes(asFailed)) return EMPTY.subscribe()
  // Nest, or another listener of the signal, may exit with code 0.
  process.once('exit', asFailed)
  const stopped = () => void stop().finally(exit)
  if (!isListening()) {
    stopped()
    return EMPTY.subscribe()
  }
  // Not `process.kill`, which on Windows runs no listener.
  process.emit('SIGTERM', 'SIGTERM')
  // After the hooks Nest kills the process with the signal, which leaves no exit code.
  process.once('SIGTERM', exit)
  return timer(BEGUN_MS).subscribe(stopped)
}

const FAILED = 1
const exit = (): void => process.exit(FAILED)
const asFailed = (): void => {
  process.exitCode = FAILED
}

/** Calls `warn` if the application has no shutdown hooks after bootstrap. */
export const warnWithoutHooks = (warn: () => void): Subscription =>
  // `main.ts` may turn them on after `listen`.
  timer(BOOTSTRAP_MS).subscribe(() => {
    if (!isListening()) warn()
  })
