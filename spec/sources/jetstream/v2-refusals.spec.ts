import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import {
  CursorRefusedError,
  ReconnectExhaustedError,
  RefusedError,
  ServerError,
} from '../../../src/errors.js'
import type { JetstreamConfig } from '../../../src/index.js'
import { jsonOf } from '../../helpers/recordings.js'
import { first, watched } from '../../traps/watched.js'

/** One answer that a running server gave. */
interface Recorded {
  readonly name: string
  readonly request: {
    readonly upgrade?: string
    readonly path: string
    readonly subprotocols?: readonly string[]
  }
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly close?: { readonly code: number; readonly reason: string } | null
  readonly firstFrame?: string
  readonly lastFrame?: string
}

const RECORDED = jsonOf<readonly Recorded[]>('simulator/refusals.json')
const dialled = RECORDED.filter(({ request }) => request.upgrade === 'websocket')
const refused = dialled.filter(({ status }) => status !== 101)
const named = (all: readonly Recorded[]) =>
  all.map((recorded) => [recorded.name, recorded] as const)

/** A server that gives one recorded answer to whatever it is asked. */
async function answering({ status, headers, body = '', close, firstFrame, lastFrame }: Recorded) {
  const [sockets, urls] = [new Set<Socket>(), [] as string[]]
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const http = createServer()
  http.on('connection', (socket) => sockets.add(socket))
  http.on('upgrade', (request, socket, head) => {
    urls.push(request.url ?? '')
    if (status !== 101) {
      const lines = Object.entries({ ...headers, 'content-length': Buffer.byteLength(body) }).map(
        ([name, value]) => `${name}: ${value}`,
      )
      socket.end([`HTTP/1.1 ${status} Recorded`, ...lines, '', body].join('\r\n'))
      return
    }
    wss.handleUpgrade(request, socket, head, (ws) => {
      for (const frame of [firstFrame, lastFrame]) if (frame !== undefined) ws.send(frame)
      if (close?.code === 1006) socket.end()
      else if (close) ws.close(close.code, close.reason)
    })
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(http.address() as AddressInfo).port}`
  return {
    host,
    url: `ws://${host}/subscribe`,
    urls,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

/** How a stream ends that may not try again. */
async function endOf(recorded: Recorded, config: JetstreamConfig = {}) {
  await using server = await answering(recorded)
  const wire = recorded.request.path.startsWith('/xrpc/') ? 'v2' : 'v1'
  const source = watched(server, {
    wire,
    host: server.host,
    reconnect: { maxAttempts: 0 },
    ...config,
  })
  const error: unknown = await first(1, source.events$).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return { error, source, dials: server.urls.length }
}

const xrpcOf = (body: string): { error?: string; message: string } =>
  body.startsWith('{') ? JSON.parse(body) : { message: body.trim() }

describe('a refusal that a running server gave', () => {
  const fatal = refused.filter(
    ({ status, body }) => status !== 503 && !body?.includes('CursorTooOld'),
  )

  it('is one of many, on both wires', () => {
    expect(fatal.filter(({ request }) => request.path.startsWith('/xrpc/')).length).toBeGreaterThan(
      20,
    )
    expect(
      fatal.filter(({ request }) => request.path.startsWith('/subscribe')).length,
    ).toBeGreaterThan(14)
  })

  it.each(named(fatal))('ends the stream at once, typed: %s', async (_, recorded) => {
    const { error, dials } = await endOf(recorded)
    const { error: name, message } = xrpcOf(recorded.body ?? '')
    expect(error).toBeInstanceOf(RefusedError)
    expect(error).toMatchObject({
      code: 'REFUSED',
      retryable: false,
      status: recorded.status,
      body: recorded.body,
    })
    expect((error as RefusedError).error).toBe(name)
    expect((error as Error).message).toContain(message.slice(0, 300))
    expect(dials).toBe(1)
  })

  it.each(named(refused.filter(({ status }) => status === 503)))(
    'is tried again while the server starts: %s',
    async (_, recorded) => {
      const { error } = await endOf(recorded)
      expect(error).toBeInstanceOf(ReconnectExhaustedError)
      expect((error as Error).cause).toMatchObject({
        code: 'REFUSED',
        retryable: true,
        status: 503,
        message: expect.stringContaining('not ready'),
      })
    },
  )

  it.each(named(refused.filter(({ body }) => body?.includes('CursorTooOld'))))(
    'is about the cursor, and says the floor: %s',
    async (_, recorded) => {
      const { error, source } = await endOf(recorded, { cursor: 1, onCursorRefused: 'fail' })
      expect(error).toBeInstanceOf(CursorRefusedError)
      expect((error as Error).message).toContain('below lookback floor 1245')
      expect(source.gaps).toMatchObject([{ from: 1, to: 1245, reason: 'cursor-too-old' }])
    },
  )

  it.each(['oldest', 'live'] as const)(
    "of every cursor is no loop under '%s'",
    async (onCursorRefused) => {
      const tooOld = refused.find(({ body }) => body?.includes('CursorTooOld')) as Recorded
      const { error, dials, source } = await endOf(tooOld, { cursor: 1, onCursorRefused })
      expect(error).toBeInstanceOf(CursorRefusedError)
      expect(dials).toBe(2)
      expect(source.gaps).toHaveLength(1)
    },
  )
})

describe('an end that a running server made', () => {
  const closed = dialled.filter(
    ({ close, lastFrame, request }) => close && lastFrame === undefined && !request.subprotocols,
  )

  it.each(named(closed))(
    'is an end like any other, with its code and reason: %s',
    async (_, recorded) => {
      const { error } = await endOf(recorded)
      expect(error).toBeInstanceOf(ReconnectExhaustedError)
      expect((error as Error).cause).toMatchObject({
        code: 'CONNECTION_CLOSED',
        retryable: true,
        closeCode: recorded.close?.code,
        reason: recorded.close?.reason,
      })
    },
  )

  it.each(named(dialled.filter(({ lastFrame }) => lastFrame !== undefined)))(
    'is typed where a frame explains it: %s',
    async (_, recorded) => {
      await using server = await answering(recorded)
      const source = watched(server, {
        wire: 'v2',
        host: server.host,
        reconnect: { maxAttempts: 0 },
      })
      const error = await first(1, source.events$).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(ReconnectExhaustedError)
      const { error: name, message } = JSON.parse(recorded.lastFrame ?? '')
      expect((error as Error).cause).toBeInstanceOf(ServerError)
      expect((error as Error).cause).toMatchObject({
        error: name,
        message: expect.stringContaining(message),
      })
      // Once it is dialled again without a penalty, since the server asked for it.
      expect(server.urls).toHaveLength(2)
      expect(source.metrics.control).toBe(2)
    },
  )

  const told = dialled.filter(({ firstFrame }) => firstFrame?.includes('OutdatedCursor'))
  it.each(named(told))(
    'is none where the server tells something and stays: %s',
    async (_, recorded) => {
      await using server = await answering(recorded)
      const source = watched(server, {
        wire: 'v2',
        host: server.host,
        cursor: new Date(1_700_000_000_000),
      })
      const subscription = source.events$.subscribe()
      await source.when(({ gaps }) => gaps === 1)
      expect(source.gaps).toMatchObject([{ from: 1_700_000_000_000_000, reason: 'cursor-too-old' }])
      subscription.unsubscribe()
    },
  )
})

describe('a refusal with a date to come back', () => {
  // Far enough away for a machine that is busy: nobody waits for it.
  const unixTime = () => String(Math.ceil(Date.now() / 1000) + 30)
  it.each([
    ['retry-after', 'in seconds', 503, () => '1'],
    ['retry-after', 'as a date', 503, () => new Date(Date.now() + 30_000).toUTCString()],
    ['ratelimit-reset', 'in seconds', 429, () => '1'],
    ['ratelimit-reset', 'as a unix time', 429, unixTime],
  ])('is waited for: %s, %s', async (header, _, status, value) => {
    const recorded = {
      name: '',
      request: { path: '/xrpc/' },
      status,
      headers: { [header]: value() },
      body: '',
    }
    await using server = await answering(recorded)
    const source = watched(server, { wire: 'v2', host: server.host })
    const subscription = source.events$.subscribe()
    const { connection, currentBackoffMs } = await source.when(
      ({ connection }) => connection.state === 'waiting',
    )
    expect(connection).toMatchObject({ attempt: 1, reason: { status } })
    expect(currentBackoffMs).toBeGreaterThan(500)
    subscription.unsubscribe()
  })
})

describe('a server that does not know a dictionary nobody named', () => {
  it('ends the stream, and is not dialled for ever', async () => {
    const body = '{"error":"UnknownZstdDictionary","message":"unknown zstd dictionary id 7"}'
    const { error, dials } = await endOf({
      name: '',
      request: { path: '/xrpc/' },
      status: 400,
      headers: {},
      body,
    })
    expect(error).toMatchObject({ code: 'REFUSED', error: 'UnknownZstdDictionary' })
    expect(dials).toBe(1)
  })
})
