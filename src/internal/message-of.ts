import { StreamError } from '../errors.js'

/**
 * The message of a thrown value, whatever its type. Not by `instanceof`: an error of another realm
 * (a vm context, as Jest runs specs in one) is none of ours.
 */
export const messageOf = (error: unknown): string =>
  String((error as Partial<Error> | null | undefined)?.message ?? error)

interface Failure {
  readonly message?: string
  readonly code?: string
  readonly cause?: Failure
  /** Of an `AggregateError`, which has no message: one for each address of a name. */
  readonly errors?: readonly Failure[]
}

/**
 * The reason of a failed request, and what can be done about it. The message of `fetch` itself is
 * "fetch failed"; the reason is its cause.
 */
export function reasonOf(error: unknown): string {
  if (error instanceof StreamError) return error.message
  const failure = error as Failure
  const { cause } = failure
  const reason = (cause && textOf(cause)) || textOf(failure) || String(error)
  const remedy = remedyOf(cause ?? failure)
  return remedy === undefined ? reason : `${reason}; ${remedy}`
}

const textOf = ({ message, errors, code }: Failure): string | undefined =>
  message || errors?.map(textOf).join(', ') || code

const FILES = 'the process has too many open files: close some, or raise its limit (`ulimit -n`)'
const NO_TLS = 'nothing speaks TLS at this port: for a server without it write `ws://` or `http://`'

// OpenSSL's message for an answer in plain HTTP; its code differs between versions of Node.
const NO_RECORD = /wrong version number|packet length too long/i

function remedyOf({ code = '', message = '' }: Failure): string | undefined {
  if (code === 'EMFILE' || code === 'ENFILE') return FILES
  return NO_RECORD.test(message) ? NO_TLS : undefined
}
