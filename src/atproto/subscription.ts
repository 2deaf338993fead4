import { RefusedError, ServerError } from '../errors.js'

/**
 * The URL that asks for the event at `cursor`. Servers send what lies behind a cursor: one less
 * brings the event at ours again, the proof that the log is the one we know.
 */
export function urlAt(host: string, cursor: number | undefined): string {
  const url = new URL(host)
  if (cursor !== undefined) url.searchParams.set('cursor', String(Math.max(0, cursor - 1)))
  return url.href
}

/**
 * Servers in TypeScript refuse after the handshake, in a frame: what they say of our request is as
 * final there as a 400 would be.
 */
export function refused(error: unknown): 'future' | RefusedError | undefined {
  if (!(error instanceof ServerError || error instanceof RefusedError)) return undefined
  if (error.error === 'FutureCursor') return 'future'
  if (error instanceof RefusedError || error.error !== 'InvalidRequest') return undefined
  return new RefusedError(error.message, { status: 400, body: '', error: error.error })
}
