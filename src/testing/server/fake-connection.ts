import type { IncomingHttpHeaders } from 'node:http'

/** One attempt of a client to connect. */
export interface FakeAttempt {
  /** Counted from 1. */
  readonly attempt: number
  /** Path and query as they came. */
  readonly url: string
  readonly params: URLSearchParams
  /** The `cursor` parameter as it came. */
  readonly cursor: string | undefined
  readonly headers: IncomingHttpHeaders
  /** Milliseconds of `performance.now()`. */
  readonly startedAt: number
  /** The HTTP status of the response: 101 for a connection, 0 while there is none. */
  readonly status: number
}

/** One request without an upgrade, such as the request for the dictionary. */
export interface FakeRequest {
  /** Path and query as they came. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** The HTTP status of the response: 0 while there is none. */
  readonly status: number
}

/** One accepted connection, as the server sees it. */
export interface FakeConnection extends FakeAttempt {
  /** Every text the client sent. */
  readonly messages: readonly string[]
  /** Pings of the client. */
  readonly pings: number
  /** Pongs of the client. */
  readonly pongs: number
  /** Events sent. */
  readonly sent: number
  /**
   * How the connection ended: the code of the client's close frame, or 1006. `undefined` while it
   * is open.
   */
  readonly closed: { readonly code: number; readonly reason: string } | undefined
}
