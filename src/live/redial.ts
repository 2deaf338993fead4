import { StreamError } from '../errors.js'

/**
 * A connection that we end ourselves in order to dial again: no failure, and no backoff. Never
 * leaves this library.
 */
export class Redial extends StreamError {
  readonly code = 'REDIAL'
  readonly retryable = true
}

/**
 * The answer to our cursor leads to another question. Too many in a row are a failure after all.
 * Never leaves this library.
 */
export class AskAgain extends Redial {}

/**
 * A dial that was to show what a host speaks, and has shown it. The next one is still the same
 * attempt. Never leaves this library.
 */
export class ProbeEnded extends Redial {}
