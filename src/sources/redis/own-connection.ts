import { defer, lastValueFrom, retry, throwError, timer } from 'rxjs'
import { RedisRefusedError, RedisUnavailableError } from '../../errors.js'
import type { RedisConnection } from '../../redis-client/client.js'

// How long a connection may take, and how often it is looked at.
const CONNECT_MS = 5000
const CONNECT_EVERY_MS = 20
const RETRIES = CONNECT_MS / CONNECT_EVERY_MS

/**
 * Settles when the connection answers: a client that keeps no queue refuses commands until then.
 */
export async function opened(connection: RedisConnection, isWanted: () => boolean): Promise<void> {
  const isConnecting = (error: unknown) =>
    error instanceof RedisUnavailableError && error.reason === 'CONNECTION' && isWanted()
  await lastValueFrom(
    defer(() => connection.send(['PING'])).pipe(
      retry({
        delay: (error, attempt) =>
          attempt <= RETRIES && isConnecting(error)
            ? timer(CONNECT_EVERY_MS)
            : throwError(() => error),
      }),
    ),
  ).catch(lost)
}

/** A connection of our own that its client gave up: another one is opened. */
export function lost(error: unknown): never {
  if (!(error instanceof RedisRefusedError && error.reason === 'CLOSED')) throw error
  throw new RedisUnavailableError('the connection to Redis ended', 'CONNECTION', { cause: error })
}
