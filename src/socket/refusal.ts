import { type Refusal, RefusedError } from '../errors.js'
import type { HttpAnswer } from '../http/request.js'
import { readBody } from '../internal/read-body.js'

/** How much of the body of a refusal is read. */
export const REFUSAL_BYTES = 4096

const MAX_WAIT_MS = 15 * 60_000

// A number of seconds from here on is a unix time.
const FIRST_UNIX_TIME = 1e9

/** Reads the answer of a request that was refused. `request` names what was asked for. */
export async function readRefusal(response: HttpAnswer, request: string): Promise<RefusedError> {
  const { bytes } = await readBody(response, REFUSAL_BYTES)
  const { message, refusal } = refusalOf(
    response.status,
    new TextDecoder().decode(bytes),
    (name) => response.headers.get(name) ?? undefined,
    request,
  )
  return new RefusedError(message, refusal)
}

/**
 * Describes an HTTP answer that is a refusal: an XRPC error body, plain text, or anything else.
 * `request` names what was asked for; without it, that was a WebSocket handshake.
 */
export function refusalOf(
  status: number,
  body: string,
  header: (name: string) => string | undefined,
  request?: string,
): { message: string; refusal: Refusal } {
  const xrpc = xrpcOf(body)
  const retryAfterMs = waitMsOf(status, header)
  const text = xrpc.message ?? (body.trimStart().startsWith('<') ? '' : body.trim().slice(0, 300))
  const event =
    request === undefined ? 'the server refused the connection' : `${request} was answered`
  const code = [status, xrpc.error].filter(Boolean).join(' ')
  return {
    message: `${event} with ${code}${text === '' ? '' : `: ${text}`}${remedyOf(status)}`,
    refusal: {
      status,
      body,
      ...(xrpc.error === undefined ? {} : { error: xrpc.error }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  }
}

function remedyOf(status: number): string {
  if (status === 401 || status === 403) return '; check the credentials'
  return status === 404 ? '; check the host and its path' : ''
}

function xrpcOf(body: string): { error?: string; message?: string } {
  try {
    const { error, message } = JSON.parse(body) as { error?: unknown; message?: unknown }
    return {
      ...(typeof error === 'string' ? { error } : {}),
      ...(typeof message === 'string' ? { message } : {}),
    }
  } catch {
    return {}
  }
}

/** How long the server asks us to stay away, in milliseconds. */
function waitMsOf(
  status: number,
  header: (name: string) => string | undefined,
): number | undefined {
  const ms = retryAfterMsOf(header('retry-after'))
  // Servers send the other header with every answer: only after a 429 is it a time to wait.
  const askedMs = ms ?? (status === 429 ? resetMsOf(header('ratelimit-reset')) : undefined)
  return askedMs === undefined ? undefined : Math.round(Math.min(Math.max(askedMs, 0), MAX_WAIT_MS))
}

// RFC 9110 section 10.2.3: seconds, or a date.
function retryAfterMsOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(ms) ? ms : undefined
}

// https://docs.bsky.app/docs/advanced-guides/rate-limits: a unix time in seconds. The IETF draft of
// the same name counts from now.
function resetMsOf(value: string | undefined): number | undefined {
  const seconds = Number(value ?? Number.NaN)
  if (!Number.isFinite(seconds) || seconds < 0) return undefined
  return seconds >= FIRST_UNIX_TIME ? seconds * 1000 - Date.now() : seconds * 1000
}
