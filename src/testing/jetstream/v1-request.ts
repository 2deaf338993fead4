import type { IncomingMessage } from 'node:http'
import type { HttpAnswer } from '../server/http-answer.js'
import { parseCursor } from './cursor.js'
import { filterOf, InvalidOptions, type JetstreamFilter } from './filter.js'

/** What a request asks for. */
export interface SubscribeRequest {
  readonly filter: JetstreamFilter
  readonly cursor: bigint | undefined
  readonly isCompressed: boolean
  readonly requireHello: boolean
}

const bad = (body: string): HttpAnswer => ({ status: 400, body })

/** Reads a request for wire v1, with each server's order of checks and messages. */
export function readRequest(
  request: IncomingMessage,
  server: 'legacy' | 'v2',
): SubscribeRequest | HttpAnswer {
  const url = new URL(request.url ?? '/', 'ws://127.0.0.1')
  if (url.pathname !== '/subscribe') return notFound(server)
  return server === 'v2' ? readV2(request, url) : readLegacy(request, url.searchParams)
}

export const notFound = (server: 'legacy' | 'v2'): HttpAnswer =>
  server === 'v2'
    ? { status: 404, body: '404 page not found\n' }
    : {
        status: 404,
        body: '{"message":"Not Found"}\n',
        headers: { 'content-type': 'application/json' },
      }

function readLegacy(
  request: IncomingMessage,
  params: URLSearchParams,
): SubscribeRequest | HttpAnswer {
  const { cursor, refusal } = parseCursor(params.get('cursor'), 'legacy')
  if (refusal !== undefined) return bad(refusal)
  const filter = tryFilter(params, 'legacy')
  if (filter instanceof InvalidOptions) return bad(`invalid subscriber options${filter.message}`)
  return { filter, cursor, ...flags(request, params) }
}

function readV2(request: IncomingMessage, url: URL): SubscribeRequest | HttpAnswer {
  const malformed = malformedQuery(url.search.slice(1))
  if (malformed !== undefined) return bad(`subscribe: invalid options: ${malformed}\n`)
  const params = url.searchParams
  const filter = tryFilter(params, 'v2')
  if (filter instanceof InvalidOptions) return bad(`subscribe: invalid options${filter.message}\n`)
  const { cursor, refusal } = parseCursor(params.get('cursor'), 'v2')
  if (refusal !== undefined) return bad(refusal)
  const asked = flags(request, params)
  return asked.isCompressed && offersDeflate(request)
    ? bad(TWO_SCHEMES)
    : { filter, cursor, ...asked }
}

const TWO_SCHEMES =
  'choose one compression scheme: custom zstd (compress=true / Socket-Encoding: zstd) ' +
  'or RFC 7692 permessage-deflate, not both\n'
const offersDeflate = (request: IncomingMessage): boolean =>
  /permessage-deflate/.test(request.headers['sec-websocket-extensions'] ?? '')

/** Go's URL parser is stricter than Node's. */
export function malformedQuery(query: string): string | undefined {
  if (query.split('&').length > 10_000) return 'number of URL query parameters exceeded limit'
  if (query.includes(';')) return 'invalid semicolon separator in query'
  const broken = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(query)?.[0]
  return broken === undefined ? undefined : `invalid URL escape ${JSON.stringify(broken)}`
}

function tryFilter(
  params: URLSearchParams,
  server: 'legacy' | 'v2',
): JetstreamFilter | InvalidOptions {
  const wanted = {
    wantedCollections: params.getAll('wantedCollections'),
    wantedDids: params.getAll('wantedDids'),
  }
  const size = params.get('maxMessageSizeBytes') ?? ''
  try {
    return filterOf(
      { ...wanted, maxMessageSizeBytes: /^\+?\d+$/.test(size) ? Number(size) : 0 },
      server,
    )
  } catch (error) {
    if (error instanceof InvalidOptions) return error
    throw error
  }
}

function flags(
  request: IncomingMessage,
  params: URLSearchParams,
): { readonly isCompressed: boolean; readonly requireHello: boolean } {
  const encoding = String(request.headers['socket-encoding'] ?? '')
  return {
    isCompressed: encoding.includes('zstd') || params.get('compress') === 'true',
    requireHello: params.get('requireHello') === 'true',
  }
}

export const NO_UPGRADE: Readonly<Record<'legacy' | 'v2', HttpAnswer>> = {
  legacy: { status: 400, body: 'Bad Request\n' },
  v2: {
    status: 426,
    body: 'WebSocket protocol violation: Connection header "keep-alive" does not contain Upgrade\n',
    headers: { connection: 'Upgrade', upgrade: 'websocket' },
  },
}
