import { type Refusal, RefusedError } from '../errors.js'
import { readBody } from '../internal/read-body.js'

/** How much of the body of a refusal is read. */
export const REFUSAL_BYTES = 4096

const MAX_RETRY_AFTER_MS = 15 * 60_000

/** Reads the answer of a `fetch` that was refused. `request` names what was asked for. */
export async function readRefusal(response: Response, request: string): Promise<RefusedError> {
  const { bytes } = await readBody(response, REFUSAL_BYTES)
  const { message, refusal } = refusalOf(
    response.status,
    new TextDecoder().decode(bytes),
    response.headers.get('retry-after') ?? undefined,
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
  retryAfter: string | undefined,
  request?: string,
): { message: string; refusal: Refusal } {
  const xrpc = xrpcOf(body)
  const retryAfterMs = retryAfterMsOf(retryAfter)
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

// RFC 9110 section 10.2.3: seconds, or a date.
function retryAfterMsOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : undefined
}
