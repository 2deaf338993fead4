/// <reference lib="es2022.error" preserve="true" />
// For `ErrorOptions` in our types, whatever the `lib` of a program is.

/**
 * Where {@link StreamError.docs} points. Each code has a heading there; a spec compares the two.
 */
const DOCS = 'https://github.com/rxjs-atproto/rxjs-atproto/blob/main/docs/errors.md'

/** The base of every error of this library: a stable `code`, `retryable` and the `cause`. */
export abstract class StreamError extends Error {
  /** Stable over releases: switch on this, not on the message. */
  abstract readonly code: string
  /** Whether a later retry can succeed. A source retries by itself after a retryable error. */
  abstract readonly retryable: boolean

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }

  /** The page that explains this code and its remedy. */
  get docs(): string {
    return `${DOCS}#${this.code.toLowerCase()}`
  }

  /**
   * What `JSON.stringify` and a logger write: the members, `message` and `docs`, and the message of
   * the cause. Without the stack, and without the event of an {@link IngestError}.
   */
  toJSON(): Readonly<Record<string, unknown>> {
    const { name, code, message, docs, cause } = this
    const own: object = { ...this }
    // Not by `instanceof`: it may be an error of another realm.
    const reason = String((cause as Partial<Error> | null | undefined)?.message ?? cause)
    return { ...own, name, code, message, docs, ...(cause !== undefined && { cause: reason }) }
  }
}

/** One mistake in a config: the option, the value, and what to write instead. */
export interface ConfigIssue {
  readonly option: string
  readonly message: string
}

/**
 * A mistake in the program, thrown at the call, before any connection. Names every wrong option,
 * one per line.
 */
export class ConfigError extends StreamError {
  readonly code = 'CONFIG'
  readonly retryable = false

  constructor(
    readonly callee: string,
    readonly issues: readonly ConfigIssue[],
  ) {
    super(
      [
        `${callee}: the config is not valid`,
        ...issues.map(({ option, message }) => `  \`${option}\` ${message}`),
      ].join('\n'),
    )
  }
}

/**
 * `hold()` or `held()` was called while no delivery is open: after an operator moved the value to a
 * later tick.
 */
export class HoldError extends StreamError {
  readonly code = 'HOLD_OUTSIDE_DELIVERY'
  readonly retryable = false
}

/**
 * An operator received a value from another copy of this library with an incompatible delivery
 * contract. The delivery counts as failed.
 */
export class DuplicateLibraryError extends StreamError {
  readonly code = 'DUPLICATE_LIBRARY'
  readonly retryable = false

  constructor(here: LibraryVersion, there: LibraryVersion) {
    super(
      `an operator of rxjs-atproto ${versionOf(here)} received an event from a source of ` +
        `rxjs-atproto ${versionOf(there)}, and the two cannot share a delivery; ` +
        'install one version, with `npm dedupe` or an override',
    )
  }
}

interface LibraryVersion {
  readonly version: string
  readonly contract: number
}

const versionOf = ({ version, contract }: LibraryVersion): string =>
  `${version} (delivery contract ${contract})`

/** No connection could be made: DNS, TCP, TLS, or a socket that ended in the handshake. */
export class ConnectError extends StreamError {
  readonly code = 'CONNECT'
  readonly retryable = true
}

/** The handshake did not end within `connectTimeoutMs`. */
export class ConnectTimeoutError extends StreamError {
  readonly code = 'CONNECT_TIMEOUT'
  readonly retryable = true
}

/**
 * The certificate of a server is not valid at this time: it has expired, or is not valid yet.
 * Retryable, since its operator may renew it.
 */
export class TlsExpiredError extends StreamError {
  readonly code = 'TLS_EXPIRED'
  readonly retryable = true
}

/** The certificate of a server is for other names. */
export class TlsNameError extends StreamError {
  readonly code = 'TLS_NAME'
  readonly retryable = true
}

/** The certificate of a server was not signed by an authority that this process trusts. */
export class TlsUntrustedError extends StreamError {
  readonly code = 'TLS_UNTRUSTED'
  readonly retryable = true
}

/** What a {@link ProxyError} knows of the proxy. */
export interface ProxyFailure extends ErrorOptions {
  /** Its URL without a name and a password, or the option or variable that names it. */
  readonly proxy?: string | undefined
  /** The status of its answer, if it answered. */
  readonly status?: number | undefined
  /**
   * Whether only another configuration can help.
   * @default by the status, as for {@link RefusedError}
   */
  readonly isFatal?: boolean | undefined
}

/**
 * A proxy refused to pass us on, such as with 407, or cannot be reached. Retryable as a
 * {@link RefusedError} is; a proxy that cannot be reached is.
 */
export class ProxyError extends StreamError {
  readonly code = 'PROXY'
  readonly retryable: boolean
  readonly proxy: string | undefined
  readonly status: number | undefined

  constructor(message: string, { proxy, status, isFatal, ...options }: ProxyFailure = {}) {
    super(message, options)
    this.proxy = proxy
    this.status = status
    this.retryable = !(isFatal ?? (status !== undefined && !isPassing(status)))
  }
}

/** An HTTP request was not answered within its `timeoutMs`. */
export class RequestTimeoutError extends StreamError {
  readonly code = 'REQUEST_TIMEOUT'
  readonly retryable = true
}

/** The response of a server that refused a request. */
export interface Refusal {
  readonly status: number
  /** The first 4 KiB of the response body. */
  readonly body: string
  /** The `error` member of an XRPC body, such as `InvalidRequest`. */
  readonly error?: string
  /** The `Retry-After` header, in milliseconds. */
  readonly retryAfterMs?: number
}

/**
 * The server refused a handshake or a request with an HTTP status. Streams retry 408, 425, 429 and
 * 5xx except 501, and end with the others.
 */
export class RefusedError extends StreamError {
  readonly code = 'REFUSED'
  readonly retryable: boolean
  readonly status: number
  readonly body: string
  readonly error?: string
  readonly retryAfterMs?: number

  constructor(message: string, refusal: Refusal) {
    super(message)
    this.status = refusal.status
    this.body = refusal.body
    if (refusal.error !== undefined) this.error = refusal.error
    if (refusal.retryAfterMs !== undefined) this.retryAfterMs = refusal.retryAfterMs
    this.retryable = isPassing(refusal.status)
  }
}

/** Whether a later request may be answered in another way. */
function isPassing(status: number): boolean {
  return [408, 425, 429].includes(status) || (status >= 500 && status !== 501)
}

/**
 * An open connection ended, cleanly or not. A live stream has no end, so this always leads to a
 * reconnect.
 */
export class ConnectionClosedError extends StreamError {
  readonly code = 'CONNECTION_CLOSED'
  readonly retryable = true

  constructor(
    /** RFC 6455 section 7.4; 1006 if the peer sent no close frame. */
    readonly closeCode: number,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`the connection closed with ${closeCode}${reason === '' ? '' : ` (${reason})`}`, options)
  }
}

/**
 * The server ended the stream with an error frame after which a reconnect is expected, such as
 * `ConsumerTooSlow`.
 */
export class ServerError extends StreamError {
  readonly code = 'SERVER'
  readonly retryable = true

  constructor(
    /** The server's name of the error. */
    readonly error: string,
    message: string,
  ) {
    super(`the server ended the stream with ${error}${message === '' ? '' : `: ${message}`}`)
  }
}

/**
 * The host does not speak the wire that was asked for, is a server of another kind, or the hosts of
 * one list speak different wires.
 */
export class WireError extends StreamError {
  readonly code = 'WIRE'
  readonly retryable = false
}

/** No byte arrived for `idleTimeoutMs`, although TCP still reports the connection as alive. */
export class IdleTimeoutError extends StreamError {
  readonly code = 'IDLE_TIMEOUT'
  readonly retryable = true
}

/**
 * The connection lives, but no event arrives for `silentTimeoutMs`, or none of one collection while
 * others do (`blindTimeoutMs`). The next host is dialled.
 */
export class SilentError extends StreamError {
  readonly code = 'SILENT'
  readonly retryable = true

  constructor(
    message: string,
    /** The collection that is missing; `undefined` where nothing arrives. */
    readonly collection?: string,
  ) {
    super(message)
  }
}

/**
 * The server sent a frame above `maxFrameBytes`. A Jetstream is then asked to leave it out, with a
 * gap. `firehose$` and `labels$` end with this error under `onLargeFrame: 'fail'`, and it is not
 * retryable then.
 */
export class FrameTooLargeError extends StreamError {
  readonly code = 'FRAME_TOO_LARGE'
  readonly retryable: boolean

  constructor(
    message: string,
    { retryable = true, ...options }: ErrorOptions & { readonly retryable?: boolean } = {},
  ) {
    super(message, options)
    this.retryable = retryable
  }
}

/**
 * `reconnect.maxAttempts` retries in a row made no progress. The `cause` is the error of the last
 * one.
 */
export class ReconnectExhaustedError extends StreamError {
  readonly code = 'RECONNECT_EXHAUSTED'
  readonly retryable = false
}

/** The server cannot serve the requested position, and `onCursorRefused` is `'fail'`. */
export class CursorRefusedError extends StreamError {
  readonly code = 'CURSOR_REFUSED'
  readonly retryable = false
}

/**
 * A cursor store could not be read, written or trusted. The stream never silently starts from live
 * instead.
 */
export class CursorStoreError extends StreamError {
  readonly code = 'CURSOR_STORE'
  readonly retryable = false
}

/**
 * A page of a listing cannot be read: not JSON, no list of repos, or larger than `maxPageBytes`. It
 * is requested again; five in a row end the stream.
 */
export class PageError extends StreamError {
  readonly code = 'PAGE'
  readonly retryable = true
}

/** A listing does not end: the server repeated a cursor or a page. */
export class CursorLoopError extends StreamError {
  readonly code = 'CURSOR_LOOP'
  readonly retryable = false
}

/** A frame cannot be read as an event. Never ends a stream: part of a {@link RejectedFrame}. */
export class FrameError extends StreamError {
  readonly code = 'FRAME'
  readonly retryable = false

  constructor(
    message: string,
    /** The frame's position in the stream, if it could be read. */
    readonly place?: { readonly position: number; readonly time_us: number },
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/**
 * The record of an event cannot be decoded. Thrown by the first read of `commit.record` if records
 * are decoded lazily; the rest of the event is valid.
 */
export class RecordError extends StreamError {
  readonly code = 'RECORD'
  readonly retryable = false
}

/**
 * A zstd dictionary or its decoder is not available or not trusted. `compress: 'auto'` continues
 * without compression.
 */
export class DictionaryError extends StreamError {
  readonly code = 'DICTIONARY'
  /** `false` where there is no decoder at all: another try would find none either. */
  readonly retryable: boolean

  constructor(
    message: string,
    { retryable = true, ...options }: ErrorOptions & { readonly retryable?: boolean } = {},
  ) {
    super(message, options)
    this.retryable = retryable
  }
}

/** A queue with `overflow: 'error'` was full. */
export class QueueOverflowError extends StreamError {
  readonly code = 'QUEUE_OVERFLOW'
  readonly retryable = false
}

/** An ingestor failed permanently: its attempts are used up and no dead letter took the event. */
export class IngestError extends StreamError {
  readonly code = 'INGEST'
  readonly retryable = false

  constructor(
    message: string,
    /** The event. Its delivery counts as failed, so the checkpoint stays before it. */
    readonly event: unknown,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }

  /** Without the event: it may be large, and its record may be unreadable. */
  override toJSON(): Readonly<Record<string, unknown>> {
    const { event: _event, ...rest } = super.toJSON()
    return rest
  }
}

/** An ingestor did not settle within `timeoutMs`. `onError` applies as to any other failure. */
export class IngestTimeoutError extends StreamError {
  readonly code = 'INGEST_TIMEOUT'
  readonly retryable = true
}

/**
 * Something in the pipe of `run` threw an error that is not one of this library's, such as a `map`
 * between the source and the ingestors. The `cause` is that error.
 */
export class PipeError extends StreamError {
  readonly code = 'PIPE'
  readonly retryable = false
}

/**
 * Redis cannot be reached, hangs, or is temporarily unable to serve: full, read-only, loading.
 * Writers wait and retry without end.
 */
export class RedisUnavailableError extends StreamError {
  readonly code = 'REDIS_UNAVAILABLE'
  readonly retryable = true

  constructor(
    message: string,
    /**
     * The first word of Redis' reply, such as `OOM` or `READONLY`; `TIMEOUT` without a reply,
     * `CONNECTION` without a connection.
     */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/**
 * Redis refused a command permanently: the wrong type of key, no permission, no password; or the
 * client is closed.
 */
export class RedisRefusedError extends StreamError {
  readonly code = 'REDIS_REFUSED'
  readonly retryable = false

  constructor(
    message: string,
    /**
     * The first word of Redis' reply, such as `WRONGTYPE` or `NOPERM`; `CLOSED` for a closed
     * client.
     */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/**
 * Another writer, or several hosts, write to a Redis stream whose entry ids are positions, which
 * allows only one.
 */
export class RedisConflictError extends StreamError {
  readonly code = 'REDIS_CONFLICT'
  readonly retryable = false
}

brand({
  StreamError,
  ConfigError,
  HoldError,
  DuplicateLibraryError,
  ConnectError,
  ConnectTimeoutError,
  TlsExpiredError,
  TlsNameError,
  TlsUntrustedError,
  ProxyError,
  RequestTimeoutError,
  RefusedError,
  ConnectionClosedError,
  ServerError,
  WireError,
  IdleTimeoutError,
  SilentError,
  FrameTooLargeError,
  ReconnectExhaustedError,
  CursorRefusedError,
  CursorStoreError,
  PageError,
  CursorLoopError,
  FrameError,
  RecordError,
  DictionaryError,
  QueueOverflowError,
  IngestError,
  IngestTimeoutError,
  PipeError,
  RedisUnavailableError,
  RedisRefusedError,
  RedisConflictError,
})

/**
 * Makes `instanceof` work across copies of this library, which pnpm, yarn, `jest.resetModules` and
 * dev servers create. The names are written out because a minifier renames the classes.
 */
function brand(classes: Readonly<Record<string, { readonly prototype: StreamError }>>): void {
  for (const [name, Class] of Object.entries(classes)) {
    const mark = Symbol.for(`rxjs-atproto.${name}`)
    Object.defineProperty(Class.prototype, mark, { value: true })
    Object.defineProperty(Class, 'name', { value: name })
    Object.defineProperty(Class, Symbol.hasInstance, { value: instanceTest(Class, mark) })
  }
}

/** A subclass in a program inherits this test, but is tested like any other class. */
function instanceTest(Class: object, mark: symbol) {
  return function (this: unknown, value: unknown): boolean {
    if (this !== Class) return Function.prototype[Symbol.hasInstance].call(this, value)
    return typeof value === 'object' && value !== null && mark in value
  }
}
