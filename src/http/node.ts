import type { ClientRequest, IncomingMessage } from 'node:http'
import { pipeline, type Readable, type Transform } from 'node:stream'
import { constants, createBrotliDecompress, createGunzip } from 'node:zlib'
import { VERSION } from '../version.js'
import { proxyAnswers } from './node-proxies.js'
import { type Route, routeTo } from './node-route.js'
import { proxyRefusal } from './node-tunnel.js'
import {
  type HttpAnswer,
  type HttpRequest,
  isRedirect,
  type SendRequest,
  unexpectedRedirect,
} from './request.js'

/**
 * `fetch` over `node:http` and `node:https`, since `fetch` takes no agent. Its contract is that of
 * spec/http/contract.ts, which the browser's meets too.
 */
export const sendRequest: SendRequest = async (url, request) => {
  request.signal.throwIfAborted()
  const target = new URL(url)
  return exchange(target, request, routeTo(target, request.agent))
}

function exchange(url: URL, request: HttpRequest, route: Route): Promise<HttpAnswer> {
  const { method = 'GET', headers, body, signal } = request
  return new Promise((resolve, reject) => {
    const own = {
      accept: '*/*',
      'accept-encoding': 'gzip, br',
      'user-agent': `rxjs-atproto/${VERSION}`,
      ...headers,
      ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
    }
    const sent = opened(route, { method, headers: own, signal })
    const isOfProxy = proxyAnswers(sent)
    const abort = () => {
      reject(signal.reason)
      sent.destroy()
    }
    signal.addEventListener('abort', abort, { once: true })
    sent.once('close', () => signal.removeEventListener('abort', abort))
    sent.on('error', (error) => reject(route.failureOf(error)))
    sent.once('response', (incoming) => {
      try {
        const { statusCode: status = 0 } = incoming
        if (isOfProxy(status)) throw proxyRefusal(route.proxy, status, url.origin)
        resolve(answerOf(incoming, request))
      } catch (error) {
        reject(error)
        sent.destroy()
      }
    })
    sent.end(body)
  })
}

/** Since Node 22 the error of an agent that fails at once is thrown, and no event. */
function opened(route: Route, sent: Parameters<Route['open']>[0]): ClientRequest {
  try {
    return route.open(sent)
  } catch (error) {
    throw route.failureOf(error as Error)
  }
}

// --- What is answered ---

function answerOf(incoming: IncomingMessage, { redirect, signal }: HttpRequest): HttpAnswer {
  const { statusCode: status = 0 } = incoming
  if (redirect === 'error' && isRedirect({ status, type: 'default' })) throw unexpectedRedirect()
  return {
    ok: status >= 200 && status < 300,
    status,
    headers: headersOf(incoming),
    type: 'default',
    body: bodyOf(decompressed(incoming), signal),
  }
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers()
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    headers.append(rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '')
  return headers
}

function decompressed(incoming: IncomingMessage): Readable {
  const decoder = decoderOf(incoming.headers['content-encoding'])
  // Failures arrive at whoever reads the body.
  return decoder === undefined ? incoming : pipeline(incoming, decoder, () => {})
}

function decoderOf(encoding = ''): Transform | undefined {
  const name = encoding.trim().toLowerCase()
  // An answer without a body may still name an encoding: that is no end in the middle of one.
  if (name === 'gzip' || name === 'x-gzip')
    return createGunzip({ finishFlush: constants.Z_SYNC_FLUSH })
  if (name === 'br')
    return createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH })
  return undefined
}

/** The body, read as it is asked for. `Readable.toWeb` reads ahead, and throws on some cancels. */
function bodyOf(source: Readable, signal: AbortSignal): HttpAnswer['body'] {
  // Its reader is told; without a listener Node would end the process.
  source.on('error', () => {})
  const chunks: AsyncIterator<Uint8Array<ArrayBuffer>> = source[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const { done, value } = await chunks
          .next()
          .catch(cutShort)
          .finally(() => {
            // Node discards what is left of an answer that is aborted, which may look like its end.
            signal.throwIfAborted()
          })
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel() {
        source.destroy()
      },
    },
    { highWaterMark: 0 },
  )
}

/** Throws. Node's own message is "aborted". */
function cutShort(cause: unknown): never {
  if ((cause as { code?: string }).code !== 'ECONNRESET') throw cause
  throw new Error('the connection ended before the answer did', { cause })
}
