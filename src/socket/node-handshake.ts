import type { ClientRequest, IncomingMessage } from 'node:http'
import WebSocket from 'ws'
import {
  ConnectError,
  ConnectionClosedError,
  FrameTooLargeError,
  RefusedError,
  type StreamError,
} from '../errors.js'
import { proxyRefusal, refusalIn } from '../http/node-tunnel.js'
import { reasonOf } from '../internal/message-of.js'
import type { SocketRoute } from './node-connect.js'
import { REFUSAL_BYTES, refusalOf } from './refusal.js'
import type { DialOptions } from './socket.js'

// How long the peer may take to answer our close frame before TCP is cut.
const CLOSE_TIMEOUT_MS = 1000

/**
 * Throws the error of the dial where an agent throws, or calls back with an error at once: since
 * Node 22 that error has no listener yet.
 */
export function open(options: DialOptions, route: SocketRoute): WebSocket {
  try {
    return new WebSocket(
      options.url,
      options.subprotocol === undefined ? [] : [options.subprotocol],
      {
        ...route.options,
        finishRequest: (request: ClientRequest) => {
          route.requested(request)
          request.end()
        },
        headers: options.headers,
        // Deflate costs the reader four times the CPU of zstd, and a v2 server refuses both
        // together.
        perMessageDeflate: false,
        maxPayload: options.maxFrameBytes,
        // A redirect would carry our headers to another host.
        followRedirects: false,
        // We validate while decoding, so that one bad frame is a reject and not the end of the
        // connection.
        skipUTF8Validation: true,
        closeTimeout: CLOSE_TIMEOUT_MS,
      } as object,
    )
  } catch (cause) {
    throw dialFailure(cause as Error, options, route)
  }
}

/** The error of a socket that failed, before it was open or later. */
export function failureOf(
  error: Error & { code?: string },
  opened: boolean,
  options: DialOptions,
  route: SocketRoute,
): StreamError {
  const { maxFrameBytes } = options
  if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
    return new FrameTooLargeError(`a frame is larger than \`maxFrameBytes\` (${maxFrameBytes})`, {
      cause: error,
    })
  }
  // RFC 6455: 1002 is a protocol error of the peer, 1006 an end without a close frame, as TCP's own
  // failures are.
  if (opened)
    return new ConnectionClosedError(
      error.code?.startsWith('WS_ERR') ? 1002 : 1006,
      error.message,
      { cause: error },
    )
  return dialFailure(error, options, route)
}

const dialFailure = (error: Error, { url }: DialOptions, { proxy }: SocketRoute): StreamError =>
  refusalIn(error, new URL(url), proxy) ??
  new ConnectError(`no connection: ${reasonOf(error)}`, { cause: error })

/** Calls `end` when the refusal is read. Returns a function that calls it at once. */
export function readRefusal(
  response: IncomingMessage,
  end: (error: StreamError) => void,
  route: SocketRoute,
  url: URL,
): () => void {
  const chunks: Buffer[] = []
  let size = 0
  const finish = () => {
    const { statusCode = 0 } = response
    const body = Buffer.concat(chunks).subarray(0, REFUSAL_BYTES).toString('utf8')
    const header = (name: string) => String(response.headers[name] ?? '') || undefined
    const { message, refusal } = refusalOf(statusCode, body, header)
    end(
      route.isOfProxy(statusCode)
        ? proxyRefusal(route.proxy, statusCode, url.origin)
        : new RefusedError(message, refusal),
    )
    response.destroy()
  }
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    if (size >= REFUSAL_BYTES) finish()
  })
  response.once('end', finish)
  response.once('error', finish)
  return finish
}
