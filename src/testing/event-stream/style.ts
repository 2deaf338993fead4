import type { HttpAnswer } from '../server/http-answer.js'
import { encodeFrame } from './firehose-message.js'
import type { StreamLog } from './log.js'

/** Whose behaviour: that of a PDS, of the indigo relay, or of a labeler. */
export type StyleName = 'pds' | 'relay' | 'ozone'

/** Where a reader begins. */
export interface StreamStart {
  /** `undefined`: the live tail. */
  readonly position?: number | undefined
  /** A frame to begin with. */
  readonly greeting?: Uint8Array
  /** The first event that comes is lost. */
  readonly losesFirst?: true
}

/** The last words to a client that is let in only to be told. */
export interface StreamError {
  readonly error: string
  readonly message: string
}

/** What servers do differently, observed on running ones. */
export interface ServerStyle {
  /** What the query's cursor asks for. */
  readonly startOf: (
    params: URLSearchParams,
    method: string,
    log: StreamLog<never>,
  ) => StreamStart | StreamError | HttpAnswer
  /**
   * A live reader for whom more waits is cut; the burst alone is enough where `cutsBursts`, however
   * fast it reads.
   */
  readonly bufferEvents: number
  readonly cutsBursts: boolean
  /**
   * After an error frame comes a close frame, 1008 and the error's name; else the TCP connection
   * just ends.
   */
  readonly closesAfterError: boolean
  readonly pingEveryMs: number
  /** For a method that it lacks; `undefined`: it hangs up. */
  readonly unknownMethod: HttpAnswer | undefined
  readonly noUpgrade: HttpAnswer
}

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }

/** The TypeScript servers: one framework, so one manner. */
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

/** Every server observed sends what is strictly greater. */
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

/** What is too old is clamped in silence, and of what is in the future the first event is lost. */
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
