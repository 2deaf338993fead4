import type { HttpAnswer } from '../server/http-answer.js'
import { encodeFrame } from './firehose-message.js'
import type { StreamLog } from './log.js'

/** The server to imitate: a PDS, the indigo relay, or a labeler (ozone). */
export type StyleName = 'pds' | 'relay' | 'ozone'

/** Where a reader begins. */
export interface StreamStart {
  /** `undefined`: the live tail. */
  readonly position?: number | undefined
  /** The first frame to send. */
  readonly greeting?: Uint8Array
  /** The first live event is lost. */
  readonly losesFirst?: true
}

/** An error frame for a client that is accepted only to receive it. */
export interface StreamError {
  readonly error: string
  readonly message: string
}

/** What servers do differently, as seen on running ones. */
export interface ServerStyle {
  /** Where the query's cursor begins. */
  readonly startOf: (
    params: URLSearchParams,
    method: string,
    log: StreamLog<never>,
  ) => StreamStart | StreamError | HttpAnswer
  /**
   * A live reader with more waiting messages is disconnected. With `cutsBursts` one burst is
   * enough, however fast the client reads.
   */
  readonly bufferEvents: number
  readonly cutsBursts: boolean
  /**
   * After an error frame the server sends a close frame: 1008 and the error's name. Otherwise it
   * just ends the TCP connection.
   */
  readonly closesAfterError: boolean
  readonly pingEveryMs: number
  /** The answer for an unknown method; `undefined`: the server ends the TCP connection. */
  readonly unknownMethod: HttpAnswer | undefined
  readonly noUpgrade: HttpAnswer
}

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }

/** The TypeScript servers share a framework, and so a style. */
const TYPESCRIPT = {
  bufferEvents: 500,
  cutsBursts: true,
  closesAfterError: true,
  pingEveryMs: Number.POSITIVE_INFINITY,
  unknownMethod: undefined,
  noUpgrade: {
    status: 401,
    body: '{"error":"AuthMissing","message":"Authentication Required"}',
    headers: JSON_TYPE,
  },
} as const

export const SERVER_STYLES: Readonly<Record<StyleName, ServerStyle>> = {
  pds: {
    ...TYPESCRIPT,
    startOf: (params, method, log) =>
      typescriptStart(params, method, (cursor) => pdsStart(cursor, log), log),
  },
  ozone: {
    ...TYPESCRIPT,
    startOf: (params, method, log) =>
      typescriptStart(params, method, (cursor) => after(cursor, log), log),
  },
  relay: {
    startOf: (params, _method, log) => relayStart(params.get('cursor') ?? '', log),
    bufferEvents: 16_384,
    cutsBursts: false,
    closesAfterError: false,
    pingEveryMs: 30_000,
    unknownMethod: { status: 404, body: '{"error":"Not Found"}\n', headers: JSON_TYPE },
    noUpgrade: { status: 400, body: 'Bad Request\n' },
  },
}

/** Every server seen sends what is strictly greater than the cursor. */
const after = (cursor: number, log: StreamLog<never>): StreamStart => ({
  position: log.find(({ seq }) => seq > cursor),
})

function typescriptStart(
  params: URLSearchParams,
  method: string,
  startAt: (cursor: number) => StreamStart,
  log: StreamLog<never>,
): StreamStart | StreamError {
  const texts = params.getAll('cursor')
  if (texts.every((text) => text === '')) return {}
  const [cursor, ...others] = texts.map(paramOf)
  if (others.length === 0 && typeof cursor === 'number' && Number.isSafeInteger(cursor)) {
    return cursor > log.newestSeq
      ? { error: 'FutureCursor', message: 'Cursor in the future.' }
      : startAt(cursor)
  }
  const shown = texts.map((text) => showing(paramOf(text)))
  const got = shown.length > 1 ? `[${shown.join(', ')}]` : shown[0]
  return {
    error: 'InvalidRequest',
    message: `Invalid ${method} params: Expected integer value type (got ${got})`,
  }
}

const paramOf = (text: string): string | number => (/^-?\d+$/.test(text) ? Number(text) : text)
const showing = (value: string | number): string =>
  typeof value === 'number' ? String(value) : JSON.stringify(value)

function pdsStart(cursor: number, log: StreamLog<never>): StreamStart {
  return log.isOutdated(cursor) ? { ...after(cursor, log), greeting: OUTDATED } : after(cursor, log)
}

const OUTDATED = encodeFrame('#info', {
  name: 'OutdatedCursor',
  message: 'Requested cursor exceeded limit. Possibly missing events',
})

/**
 * A relay clamps a cursor that is too old, in silence. For a cursor in the future it loses the
 * first live event.
 */
function relayStart(text: string, log: StreamLog<never>): StreamStart | HttpAnswer {
  if (text === '') return {}
  if (!/^\d+$/.test(text))
    return {
      status: 400,
      body: `{"error":"BadRequest","message":"cursor parameter invalid: ${text}"}\n`,
      headers: JSON_TYPE,
    }
  const cursor = Number(text)
  return cursor > log.newestSeq ? { losesFirst: true } : after(cursor, log)
}
