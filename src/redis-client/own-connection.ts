import { defer, lastValueFrom, retry, throwError, timer } from 'rxjs'
import { RedisRefusedError, RedisUnavailableError } from '../errors.js'
import type { RedisConnection } from './client.js'

// How long a connection may take to open, and how often it is tried meanwhile.
const CONNECT_MS = 5000
const CONNECT_EVERY_MS = 20
const RETRIES = CONNECT_MS / CONNECT_EVERY_MS

/**
 * Settles when the connection answers. A client without an offline queue refuses commands until
 * then, so the first command is retried while `isWanted()`.
 */
export async function whenOpen(
  connection: RedisConnection,
  isWanted: () => boolean,
): Promise<void> {
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
  ).catch(asUnavailable)
}

/**
 * Rethrows. A duplicate that its client closed for good is retryable, since the reader opens a new
 * one.
 */
export function asUnavailable(error: unknown): never {
  if (!(error instanceof RedisRefusedError && error.reason === 'CLOSED')) throw error
  throw new RedisUnavailableError('the connection to Redis ended', 'CONNECTION', { cause: error })
}
