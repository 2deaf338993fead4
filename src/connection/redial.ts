import { StreamError } from '../errors.js'

/** A connection that we end ourselves in order to ask anew: no failure, and no backoff. Never leaves this library. */
export class Redial extends StreamError {
  readonly code = 'REDIAL'
  readonly retryable = true
}
