import type { IncomingHttpHeaders } from 'node:http'

/** One HTTP request to the server, upgrades included. */
export interface TapRequest {
  readonly method: string
  /** The path as it came. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** An HTTP answer. */
export interface TapAnswer {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What `/info/:did` returns, members in the wire's order. */
export interface FakeTapRepo {
  readonly did: string
  readonly error: string
  readonly handle: string
  readonly records: number
  readonly retries: number
  readonly rev: string
  readonly state: string
}

/** The state that the routes read and change. */
export interface TapState {
  readonly repos: Map<string, FakeTapRepo>
  readonly documents: Readonly<Record<string, unknown>>
  readonly outbox: { readonly size: number }
  /** Events go to a webhook, and `/channel` is closed. */
  readonly webhook: boolean
}

/** SQLite takes 32,766 variables, and a repository nine of them. */
const MAX_DIDS = 3_640
const DID = /^did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]$/

type Route = readonly [
  method: 'GET' | 'POST',
  path: RegExp,
  answer: (state: TapState, request: TapRequest, did: string) => TapAnswer,
]

const ROUTES: readonly Route[] = [
  ['GET', /^\/health$/, () => json(200, { status: 'ok' })],
  ['POST', /^\/repos\/add$/, (state, request) => withDids(request, (dids) => add(state, dids))],
  [
    'POST',
    /^\/repos\/remove$/,
    (state, request) => withDids(request, (dids) => remove(state, dids)),
  ],
  ['GET', /^\/resolve\/([^/]*)$/, (state, _request, did) => resolve(state, did)],
  ['GET', /^\/info\/([^/]*)$/, (state, _request, did) => info(state, did)],
  ['GET', /^\/stats\/repo-count$/, ({ repos }) => json(200, { repo_count: repos.size })],
  ['GET', /^\/stats\/record-count$/, ({ repos }) => json(200, { record_count: recordsOf(repos) })],
  ['GET', /^\/stats\/outbox-buffer$/, ({ outbox }) => json(200, { outbox_buffer: outbox.size })],
  ['GET', /^\/stats\/resync-buffer$/, () => json(200, { resync_buffer: 0 })],
  ['GET', /^\/stats\/cursors$/, () => json(200, { firehose: 0, list_repos: '' })],
  ['GET', /^\/channel$/, ({ webhook }) => (webhook ? WEBHOOK_MODE : NO_UPGRADE)],
]

const NO_UPGRADE: TapAnswer = {
  status: 400,
  body: 'Bad Request\n',
  headers: { 'content-type': 'text/plain; charset=utf-8', 'sec-websocket-version': '13' },
}

/** Answers a request without an upgrade, with the server's messages. */
export function answerRequest(state: TapState, request: TapRequest): TapAnswer {
  const { method } = request
  const path = request.path.split('?')[0] ?? ''
  const found = ROUTES.find(([, pattern]) => pattern.test(path))
  if (found === undefined) return message(404, 'Not Found')
  const [allowed, pattern, answer] = found
  if (method !== allowed)
    return {
      ...message(405, 'Method Not Allowed'),
      headers: { ...JSON_TYPE, allow: `OPTIONS, ${allowed}` },
    }
  return answer(state, request, pattern.exec(path)?.[1] ?? '')
}

const JSON_TYPE = { 'content-type': 'application/json; charset=UTF-8' }
const json = (status: number, value: object): TapAnswer => ({
  status,
  body: `${JSON.stringify(value)}\n`,
  headers: JSON_TYPE,
})
const message = (status: number, message: string): TapAnswer => json(status, { message })
/** The answer of `/channel` when a webhook is set, with and without an upgrade. */
export const WEBHOOK_MODE = message(400, 'websocket not available in webhook mode')
const INTERNAL = message(500, 'Internal Server Error')
const DONE: TapAnswer = { status: 200, body: '' }

/** A repository that was just added. */
export const pendingRepo = (did: string): FakeTapRepo => ({
  did,
  error: '',
  handle: '',
  records: 0,
  retries: 0,
  rev: '',
  state: 'pending',
})

function add({ repos }: TapState, dids: readonly string[]): TapAnswer {
  if (dids.length === 0 || dids.length > MAX_DIDS) return INTERNAL
  for (const did of dids) if (!repos.has(did)) repos.set(did, pendingRepo(did))
  return DONE
}

function remove({ repos }: TapState, dids: readonly string[]): TapAnswer {
  for (const did of dids) repos.delete(did)
  return DONE
}

function resolve({ documents }: TapState, did: string): TapAnswer {
  if (!DID.test(did)) return message(400, 'improperly formatted DID')
  const document = documents[did]
  return document === undefined
    ? message(500, 'failed to resolve DID')
    : json(200, document as object)
}

function info({ repos }: TapState, did: string): TapAnswer {
  const repo = repos.get(did)
  return repo === undefined ? message(404, 'repo not found') : json(200, repo)
}

const recordsOf = (repos: Map<string, FakeTapRepo>): number =>
  [...repos.values()].reduce((sum, { records }) => sum + records, 0)

function withDids(
  { headers, body }: TapRequest,
  act: (dids: readonly string[]) => TapAnswer,
): TapAnswer {
  if (body === '') return act([])
  if (!/^application\/json\s*(;|$)/.test(headers['content-type'] ?? ''))
    return message(415, 'Unsupported Media Type')
  const dids = readDids(body)
  return typeof dids === 'string' ? message(400, dids) : act(dids)
}

/** The DIDs of a body, or the error message. */
function readDids(body: string): readonly string[] | string {
  let payload: unknown
  try {
    payload = JSON.parse(body)
  } catch (error) {
    return syntaxError(body, error)
  }
  if (payload === null) return []
  if (typeof payload !== 'object' || Array.isArray(payload))
    return typeError('main.DidPayload', payload, '', '')
  const { dids } = payload as { dids?: unknown }
  if (dids === undefined || dids === null) return []
  if (!Array.isArray(dids)) return typeError('[]string', dids, 'dids', '{"dids":')
  const wrong = dids.findIndex((did) => typeof did !== 'string' && did !== null)
  if (wrong < 0) return dids.map((did: string | null) => did ?? '')
  const before = dids.slice(0, wrong).map((did) => `${JSON.stringify(did)},`)
  return typeError('string', dids[wrong], 'dids', `{"dids":[${before.join('')}`)
}

function syntaxError(body: string, error: unknown): string {
  const position = /at position (\d+)/.exec(String(error))?.[1]
  if (position === undefined || Number(position) >= body.length) return 'unexpected EOF'
  const character = body[Number(position)]
  return (
    `Syntax error: offset=${Number(position) + 1}, ` +
    `error=invalid character '${character}' looking for beginning of value`
  )
}

/**
 * `before`: the part of a body without spaces before the value. The offset of a list or an object
 * is its beginning, that of other values their end.
 */
function typeError(expected: string, value: unknown, field: string, before: string): string {
  const got = Array.isArray(value)
    ? 'array'
    : value === null
      ? 'null'
      : typeof value === 'boolean'
        ? 'bool'
        : typeof value
  const length = typeof value === 'object' ? 1 : Buffer.byteLength(JSON.stringify(value))
  const offset = Buffer.byteLength(before) + length
  return `Unmarshal type error: expected=${expected}, got=${got}, field=${field}, offset=${offset}`
}

const UNAUTHORIZED: TapAnswer = {
  status: 401,
  body:
    '{"error":"Unauthorized",' +
    '"message":"atproto admin auth required, but missing or incorrect password"}\n',
  headers: {
    'content-type': 'application/json',
    'www-authenticate': 'Basic realm="admin", charset="UTF-8"',
  },
}

/** The answer to a request without the password, on every route. */
export function unauthorized(
  headers: IncomingHttpHeaders,
  adminPassword: string | undefined,
): TapAnswer | undefined {
  if (adminPassword === undefined) return undefined
  const expected = `Basic ${Buffer.from(`admin:${adminPassword}`).toString('base64')}`
  return headers.authorization === expected ? undefined : UNAUTHORIZED
}
