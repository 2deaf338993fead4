import type { Refusal } from '../errors.js'

/** How much of the body of a refusal is read. A stranger chooses how long it is. */
export const REFUSAL_BYTES = 4096

const MAX_RETRY_AFTER_MS = 15 * 60_000

/**
 * Reads an HTTP answer that is a refusal: an XRPC error body, plain text, or anything. `request`
 * names what was asked for; without it, that was a WebSocket handshake.
 */
export function refusalOf(
  status: number,
  body: string,
  retryAfter: string | undefined,
  request?: string,
): { message: string; refusal: Refusal } {
  const xrpc = xrpcOf(body)
  const retryAfterMs = retryAfterMsOf(retryAfter)
  const says = xrpc.message ?? (body.trimStart().startsWith('<') ? '' : body.trim().slice(0, 300))
  const remedy =
    status === 401 || status === 403
      ? '; check the credentials'
      : status === 404
        ? '; check the host and its path'
        : ''
  return {
    message: `${request === undefined ? 'the server refused the connection' : `${request} was answered`} with ${[status, xrpc.error].filter(Boolean).join(' ')}${says === '' ? '' : `: ${says}`}${remedy}`,
    refusal: {
      status,
      body,
      ...(xrpc.error === undefined ? {} : { error: xrpc.error }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  }
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
