import type { HttpAgent } from '../options/agent.js'

/** What is sent. Redirects are never followed: they would carry our headers to another host. */
export interface HttpRequest {
  readonly method?: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** `'error'`: a redirect is a failure. `'manual'`: it is an answer. */
  readonly redirect: 'error' | 'manual'
  /** Ends the request, and its answer too, with the signal's reason. */
  readonly signal: AbortSignal
  /** Node only. */
  readonly agent?: HttpAgent | undefined
}

/** What `fetch` answers. The body is decompressed, and must be read or cancelled. */
export type HttpAnswer = Pick<Response, 'ok' | 'status' | 'headers' | 'type' | 'body'>

/**
 * `fetch`, as far as this library needs it. Rejects with the signal's reason, with a `StreamError`
 * where TLS or a proxy failed, and otherwise with what the platform throws.
 */
export type SendRequest = (url: URL | string, request: HttpRequest) => Promise<HttpAnswer>

// The Fetch standard's redirect statuses.
const REDIRECTS = [301, 302, 303, 307, 308]

/** Whether an answer is a redirect. A browser hides its status. */
export const isRedirect = ({ status, type }: Pick<HttpAnswer, 'status' | 'type'>): boolean =>
  type === 'opaqueredirect' || REDIRECTS.includes(status)

/** The refusal of a redirect that must not be followed. */
export const unexpectedRedirect = (): Error => new Error('unexpected redirect')
