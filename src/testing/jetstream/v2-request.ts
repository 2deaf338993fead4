import type { IncomingMessage } from 'node:http'
import type { HttpAnswer } from '../server/http-answer.js'
import { parseCursor } from './cursor.js'
import { eventsFilterOf, InvalidOptions, type JetstreamFilter } from './filter.js'
import { escapeAsGo, SUBSCRIBE_EVENTS } from './translate.js'
import { malformedQuery } from './v1-request.js'
import type { ZstdDictionary } from './zstd.js'

/** What a request for `subscribeEvents` asks for. */
export interface EventsRequest {
  readonly filter: JetstreamFilter
  readonly cursor: bigint | undefined
  readonly isCompressed: boolean
}

/** An error response of an XRPC method. */
export const xrpcError = (status: number, error: string, message: string): HttpAnswer => ({
  status,
  body: escapeAsGo(JSON.stringify({ error, message })),
  headers: { 'content-type': 'application/json' },
})

const invalid = (message: string): HttpAnswer => xrpcError(400, 'InvalidRequest', message)

export const methodNotImplemented = (pathname: string): HttpAnswer =>
  xrpcError(
    501,
    'MethodNotImplemented',
    `method not implemented: ${pathname.replace('/xrpc/', '')}`,
  )

/**
 * Reads a request for wire v2, with the server's messages. `zstd` is the current dictionary.
 */
export function readEventsRequest(
  request: IncomingMessage,
  url: URL,
  zstd: ZstdDictionary | undefined,
): EventsRequest | HttpAnswer {
  if (url.pathname !== `/xrpc/${SUBSCRIBE_EVENTS}`) return methodNotImplemented(url.pathname)
  const malformed = malformedQuery(url.search.slice(1))
  if (malformed !== undefined) return invalid(`subscribe: invalid options: ${malformed}`)
  const params = url.searchParams
  if (
    params.get('compress') === 'true' ||
    String(request.headers['socket-encoding'] ?? '').includes('zstd')
  )
    return invalid(V1_COMPRESSION)
  const filter = tryFilter(params)
  if (filter instanceof InvalidOptions)
    return invalid(`subscribe: invalid options: ${filter.message}`)
  const refused = refusedDictionary(params.get('zstdDictionary') ?? '', zstd?.id)
  if (refused !== undefined) return refused
  const { cursor, refusal } = parseCursor(params.get('cursor'), 'v2')
  if (refusal !== undefined) return invalid(refusal.trimEnd())
  return { filter, cursor, isCompressed: (params.get('zstdDictionary') ?? '') !== '' }
}

const V1_COMPRESSION =
  'compress=true / Socket-Encoding: zstd is the /subscribe (v1) opt-in; this endpoint uses ' +
  'zstdDictionary=<id> with the dictionary from getZstdDictionary'

function refusedDictionary(asked: string, current: number | undefined): HttpAnswer | undefined {
  if (asked === '') return undefined
  const id = /^\d+$/.test(asked) ? Number(asked) : 0
  if (id === 0 || id >= 2 ** 32)
    return invalid('zstdDictionary must be a positive integer zstd dictionary ID')
  if (id === current) return undefined
  const message =
    `unknown zstd dictionary id ${id}; current dictionary id is ${current ?? 0} ` +
    '(fetch it via getZstdDictionary and reconnect)'
  return xrpcError(400, 'UnknownZstdDictionary', message)
}

const V1_PARAMETERS: Readonly<Record<string, string>> = {
  wantedCollections: 'wantedCollections is the legacy /subscribe parameter; use collections',
  wantedDids: 'wantedDids is the legacy /subscribe parameter; use dids',
  requireHello:
    'requireHello is not supported on this endpoint; it is server-push only ' +
    '(subscriber-sourced messages were removed)',
}

function tryFilter(params: URLSearchParams): JetstreamFilter | InvalidOptions {
  const foreign = Object.keys(V1_PARAMETERS).find((name) => params.has(name))
  if (foreign !== undefined) return new InvalidOptions(V1_PARAMETERS[foreign])
  try {
    const [kinds, collections, dids] = [
      params.getAll('kinds'),
      params.getAll('collections'),
      params.getAll('dids'),
    ]
    return eventsFilterOf({ kinds, collections, dids, sizes: params.getAll('maxMessageSizeBytes') })
  } catch (error) {
    if (error instanceof InvalidOptions) return error
    throw error
  }
}

/** The response to `getZstdDictionary`. */
export function dictionaryAnswer(
  url: URL,
  request: IncomingMessage,
  zstd: ZstdDictionary | undefined,
): HttpAnswer & { readonly bytes?: Uint8Array } {
  const asked = url.searchParams.get('id')
  if (asked !== null && !/^\d+$/.test(asked))
    return invalid('id must be an integer zstd dictionary ID')
  if (zstd === undefined || (asked !== null && Number(asked) !== zstd.id)) {
    const message = `no dictionary with id ${asked ?? 0}; current dictionary id is ${zstd?.id ?? 0}`
    return xrpcError(404, 'DictionaryNotFound', message)
  }
  const etag = `"zstd-dict-${zstd.id}"`
  const headers = {
    'cache-control': 'public, max-age=31536000, immutable',
    etag,
    'x-zstd-dictionary-id': String(zstd.id),
  }
  if (request.headers['if-none-match'] === etag) return { status: 304, body: '', headers }
  return {
    status: 200,
    body: '',
    headers: { ...headers, 'content-type': 'application/octet-stream' },
    bytes: zstd.dictionary,
  }
}
