import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type Socket } from 'node:net'
import { ProxyError, StreamError } from '../errors.js'
import { reasonOf } from '../internal/message-of.js'
import { type EnvProxy, nameOf, type ProxyName, proxyAuthorization } from './node-proxies.js'
import { tlsFailure } from './tls-failure.js'

/** Where a tunnel leads. */
export interface TunnelEnd {
  readonly host: string
  readonly port: number | string
}

/**
 * Opens a TCP connection to `end` through a proxy (RFC 9110 section 9.3.6). The proxy looks the
 * name up. Rejects with `ProxyError`, or with the signal's reason.
 */
export function openTunnel(proxy: EnvProxy, end: TunnelEnd, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const authority = `${isIP(end.host) === 6 ? `[${end.host}]` : end.host}:${end.port}`
    const asking = connectRequest(proxy.url, authority)
    const abort = () => asking.destroy(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    asking.once('close', () => signal.removeEventListener('abort', abort))
    asking.once('error', (error) =>
      reject(signal.aborted ? signal.reason : proxyFailure(proxy, error)),
    )
    asking.once('connect', ({ statusCode = 0 }: IncomingMessage, socket: Socket, head: Buffer) => {
      signal.removeEventListener('abort', abort)
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy()
        return reject(proxyRefusal(nameOf(proxy), statusCode, authority))
      }
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
    })
    asking.end()
  })
}

function connectRequest(proxy: URL, authority: string): ClientRequest {
  const { protocol, hostname, port } = proxy
  const request = protocol === 'https:' ? requestHttps : requestHttp
  return request({
    method: 'CONNECT',
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port || (protocol === 'https:' ? 443 : 80),
    path: authority,
    headers: { host: authority, ...proxyAuthorization(proxy) },
    // Not the global agent, which may have a proxy of its own.
    agent: false,
  })
}

/** The error of a connection to a proxy. Over TLS its certificate may be the reason. */
export function proxyFailure(proxy: EnvProxy, error: Error): ProxyError {
  const cause = tlsFailure(error, proxy.url) ?? error
  const message = `no connection to ${nameOf(proxy).text}: ${reasonOf(cause)}`
  return new ProxyError(message, { proxy: proxy.url.origin, cause })
}

interface Failure extends Error {
  readonly code?: string
  readonly statusCode?: number
}

/** The error of a connection where a proxy or TLS refused it; `undefined` for any other. */
export function refusalIn(
  error: Failure,
  url: URL,
  proxy: ProxyName | undefined,
): StreamError | undefined {
  if (error instanceof StreamError) return error
  // Of an agent of Node 24 with `proxyEnv`.
  if (error.code === 'ERR_PROXY_TUNNEL' && error.statusCode !== undefined)
    return proxyRefusal(proxy, error.statusCode, url.origin, error)
  return tlsFailure(error, url)
}

const UNKNOWN: ProxyName = { text: 'a proxy', origin: undefined }

/** The error of a proxy that does not pass us on. */
export function proxyRefusal(
  proxy: ProxyName | undefined,
  status: number,
  target: string,
  cause?: Error,
): ProxyError {
  const { text, origin } = proxy ?? UNKNOWN
  const remedy = status === 407 ? '; check the user name and the password for it' : ''
  return new ProxyError(`${text} answered ${status} for ${target}${remedy}`, {
    proxy: origin,
    status,
    ...(cause === undefined ? {} : { cause }),
  })
}
