import {
  ConfigError,
  ConnectError,
  CursorStoreError,
  ProxyError,
  ReconnectExhaustedError,
  RedisConflictError,
  RedisRefusedError,
  RefusedError,
  RequestTimeoutError,
  StreamError,
  TlsExpiredError,
  TlsNameError,
  TlsUntrustedError,
} from '../index.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import { duration } from './text.js'

/** No connection was opened within `--connect-timeout`, or until `--for` ended the run. */
export class NeverConnectedError extends Error {
  readonly code = 'NEVER_CONNECTED'

  constructor(
    timeoutMs: number,
    flag: '--connect-timeout' | '--for',
    cause: StreamError | undefined,
  ) {
    const reason = cause === undefined ? '' : `: ${cause.message}`
    super(`no connection within ${duration(timeoutMs)} (${flag})${reason}`, { cause })
  }
}

/** The output cannot be written any more. */
export class SinkError extends Error {
  readonly code = 'SINK'

  constructor(
    message: string,
    /** The reader has exited, which is how `| head` ends a program. */
    readonly readerGone: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** The exit code and the messages for an error. */
export interface Failure {
  readonly exitCode: ExitCode
  /** One for each mistake; none if the program ends silently. */
  readonly messages: readonly string[]
}

/** What a remedy names. */
export interface RemedyContext {
  /** How this program is started. */
  readonly program: string
  /** The hosts of a Jetstream as they were typed; `undefined` for another stream. */
  readonly jetstreams?: readonly string[] | undefined
}

/** `connected`: whether a connection was ever open. */
export function failureOf(
  error: unknown,
  connected: boolean,
  context: RemedyContext = { program: 'rxjs-atproto' },
): Failure {
  if (error instanceof ConfigError)
    return { exitCode: EXIT.config, messages: configMessages(error) }
  if (error instanceof SinkError && error.readerGone) return { exitCode: EXIT.done, messages: [] }
  return { exitCode: exitCodeOf(error, connected), messages: [messageOf(error, context)] }
}

function exitCodeOf(error: unknown, connected: boolean): ExitCode {
  if (error instanceof SinkError) return EXIT.sink
  if (error instanceof NeverConnectedError) return EXIT.neverConnected
  if (error instanceof CursorStoreError || isOfRedis(error))
    return connected ? EXIT.sink : EXIT.config
  if (isOfConnecting(error)) return connected ? EXIT.ended : EXIT.neverConnected
  return error instanceof StreamError ? EXIT.ended : EXIT.unexpected
}

const OF_CONNECTING = [
  RefusedError,
  ConnectError,
  ProxyError,
  RequestTimeoutError,
  TlsExpiredError,
  TlsNameError,
  TlsUntrustedError,
]

const isOfConnecting = (error: unknown): boolean =>
  OF_CONNECTING.some((Class) => error instanceof Class)

const isOfRedis = (error: unknown): boolean =>
  error instanceof RedisRefusedError || error instanceof RedisConflictError

function messageOf(error: unknown, context: RemedyContext): string {
  if (!(error instanceof Error)) return String(error)
  const code = (error as { readonly code?: unknown }).code
  const head = typeof code === 'string' ? `${code}: ${error.message}` : error.message
  const remedy = remedyOf(error, context)
  return remedy === undefined ? head : `${head}; ${remedy}`
}

function remedyOf(error: Error, { program, jetstreams }: RemedyContext): string | undefined {
  if (error instanceof NeverConnectedError)
    return jetstreams === undefined
      ? 'check --host and the network'
      : `\`${[program, 'doctor', ...jetstreams].join(' ')}\` says why`
  // The messages of these statuses already say what to check.
  if (error instanceof RefusedError)
    return [401, 403, 404].includes(error.status) ? undefined : 'check the host and the filters'
  if (error instanceof ReconnectExhaustedError) return 'raise --retries, or check the host'
  if (error instanceof RedisRefusedError) return 'check REDIS_URL, and the rights of its user'
  if (error instanceof SinkError)
    return 'make room, or write elsewhere; the position in a --cursor-file is before the lost lines'
  return error instanceof StreamError ? `see ${program} explain ${error.code}` : undefined
}

/** Library options that have another name on the command line. */
const FLAGS: Readonly<Record<string, string>> = {
  checkpoint: 'cursor-file',
  path: 'cursor-file',
  reconnect: 'retries',
  // --limit is the total number of events.
  limit: 'page-size',
}

/** How options of the library, as its warnings name them, are typed here. */
const TYPED: readonly (readonly [option: string, typed: string])[] = [
  ["`onFilterChange: 'backfill'`", '--on-filter-change backfill'],
  ['`checkpoint: { store, name }`', '--name'],
  ['`kinds`', '--kinds'],
  ['`cursor`', '--cursor'],
]

/** A warning of the library in the words of the command line. */
export const inFlags = (warning: string): string =>
  TYPED.reduce((text, [option, typed]) => text.replaceAll(option, typed), warning)

/** Library options that are an argument of a command. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  file: 'the file',
  recording: 'the recording',
}

/** The name of an environment variable, which is not a flag. */
const VARIABLE = /^[A-Z_]+$/

const configMessages = ({ code, issues }: ConfigError): readonly string[] =>
  issues.map(({ option, message }) => {
    const [name = option] = option.split('.')
    const flag = VARIABLE.test(name) ? name : `--${FLAGS[name] ?? name}`
    return `${code}: ${ARGUMENTS[name] ?? flag} ${message}`
  })
