import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { RefusedError } from '../../src/errors.js'
import { faultProxy } from '../../src/testing/proxy/fault-proxy.js'
import { Changes } from '../../src/testing/server/changes.js'
import { Dialling } from './dialling.js'
import { frame, refusing, tcpServer, wsServer } from './servers.js'

const TEXT = 1
const BINARY = 2

/** A server that writes these bytes as soon as a connection is open. */
const writing = (...bytes: readonly Uint8Array[]) =>
  wsServer((_ws, _request, tcp) => {
    for (const piece of bytes) tcp.write(piece)
  })

/** A fragment as a server writes it: without FIN, or the last one. */
const fragment = (first: number, payload: Uint8Array): Buffer => {
  const written = frame(first & 0x0f, payload)
  written[0] = first
  return written
}

describe('the handshake', () => {
  it('offers no compression and no subprotocol, and sends the headers', async () => {
    let request: IncomingMessage | undefined
    await using server = await wsServer(
      (_ws, asked) => {
        request = asked
      },
      { perMessageDeflate: true },
    )
    using dialling = new Dialling(`${server.url}/path?x=1`, {
      headers: { 'user-agent': 'spec/1', 'x-a': 'b' },
    })
    await dialling.opened()
    expect(request?.url).toBe('/path?x=1')
    expect(request?.headers).toMatchObject({ 'user-agent': 'spec/1', 'x-a': 'b' })
    expect(request?.headers).not.toHaveProperty('sec-websocket-extensions')
    expect(request?.headers).not.toHaveProperty('sec-websocket-protocol')
  })

  it('offers the subprotocol that it is given', async () => {
    let offered: string | undefined
    await using server = await wsServer((_ws, request) => {
      offered = request.headers['sec-websocket-protocol']
    })
    using dialling = new Dialling(server.url, { subprotocol: 'xrpc.v1.json' })
    await dialling.opened()
    expect(offered).toBe('xrpc.v1.json')
  })

  it.each([301, 400, 401, 403, 404, 429, 500, 503])(
    'that is refused with %i says the status and the body',
    async (status) => {
      await using server = await refusing((_request, response) => {
        response.writeHead(status, { location: '/elsewhere' }).end('no, thank you')
      })
      using dialling = new Dialling(server.url)
      expect(await dialling.ended()).toMatchObject({
        code: 'REFUSED',
        status,
        body: 'no, thank you',
        retryable: status === 429 || status >= 500,
        message: expect.stringContaining(`${status}: no, thank you`),
      })
    },
  )

  it('that is refused in XRPC says the name of the error', async () => {
    const body = JSON.stringify({ error: 'InvalidRequest', message: 'cursor is no number' })
    await using server = await refusing((_request, response) => response.writeHead(400).end(body))
    using dialling = new Dialling(server.url)
    expect(await dialling.ended()).toMatchObject({
      error: 'InvalidRequest',
      body,
      message: 'the server refused the connection with 400 InvalidRequest: cursor is no number',
    })
  })

  it('that is refused in HTML keeps the page, and spares the message from it', async () => {
    const body = '<html><body><h1>502 Bad Gateway</h1></body></html>'
    await using server = await refusing((_request, response) =>
      response.writeHead(502, { 'content-type': 'text/html' }).end(body),
    )
    using dialling = new Dialling(server.url)
    expect(await dialling.ended()).toMatchObject({
      status: 502,
      body,
      message: 'the server refused the connection with 502',
    })
  })

  it('that is refused with a book keeps 4 KiB of it, and waits for no more', async () => {
    await using server = await refusing((_request, response) => {
      response.writeHead(500)
      // And no end.
      response.write('x'.repeat(100_000))
    })
    // Long after the end of this spec: it is the bound that ends the reading, and no clock.
    using dialling = new Dialling(server.url, { connectTimeoutMs: 600_000 })
    expect(await dialling.ended()).toMatchObject({ status: 500, body: 'x'.repeat(4096) })
  })

  it('that is refused without an end is hung up on when 4 KiB are there', async () => {
    let written = 0
    let hungUp = () => {}
    const closed = new Promise<void>((resolve) => {
      hungUp = resolve
    })
    await using server = await refusing((_request, response) => {
      response.writeHead(500).on('close', hungUp)
      const flood = () => {
        while (!response.destroyed && response.write('x'.repeat(1000))) written += 1000
        response.once('drain', flood)
      }
      flood()
    })
    using dialling = new Dialling(server.url, { connectTimeoutMs: 600_000 })
    expect(((await dialling.ended()) as RefusedError).body).toHaveLength(4096)
    await closed
    expect(written).toBeLessThan(32 * 2 ** 20)
  })

  it('that is refused with a body that never ends times out with what is known', async () => {
    await using server = await refusing((_request, response) => {
      response.writeHead(401).write('you')
    })
    using dialling = new Dialling(server.url, { connectTimeoutMs: 300 })
    expect(await dialling.ended()).toMatchObject({ code: 'REFUSED', status: 401, body: 'you' })
  })

  it.each([
    ['seconds', '7', 7000],
    ['more than a quarter of an hour', '86400', 900_000],
    ['a date that is past', 'Wed, 21 Oct 2015 07:28:00 GMT', 0],
    ['nonsense', 'soon', undefined],
  ])('that is refused reads Retry-After: %s', async (_, header, retryAfterMs) => {
    await using server = await refusing((_request, response) =>
      response.writeHead(503, { 'retry-after': header }).end(),
    )
    using dialling = new Dialling(server.url)
    expect((await dialling.ended()) as { retryAfterMs?: number }).toHaveProperty('status', 503)
    expect((dialling.error as { retryAfterMs?: number }).retryAfterMs).toBe(retryAfterMs)
  })

  it('reads a Retry-After that is a date to come', async () => {
    const date = new Date(Date.now() + 60_000).toUTCString()
    await using server = await refusing((_request, response) =>
      response.writeHead(503, { 'retry-after': date }).end(),
    )
    using dialling = new Dialling(server.url)
    const { retryAfterMs } = (await dialling.ended()) as { retryAfterMs?: number }
    expect(retryAfterMs).toBeGreaterThan(50_000)
    expect(retryAfterMs).toBeLessThanOrEqual(60_000)
  })

  it('that nobody answers ends within `connectTimeoutMs`', async () => {
    let accepted = 0
    await using server = await tcpServer(() => {
      accepted += 1
    })
    using dialling = new Dialling(server.url, { connectTimeoutMs: 300 })
    expect(await dialling.ended()).toMatchObject({
      code: 'CONNECT_TIMEOUT',
      message: expect.stringContaining('300 ms'),
    })
    expect(accepted).toBe(1)
  })

  it('that comes one byte at a time ends within `connectTimeoutMs`', async () => {
    await using server = await wsServer(() => undefined)
    await using proxy = await faultProxy({ target: server.url, slice: { bytes: 1, delayMs: 50 } })
    using dialling = new Dialling(proxy.url, { connectTimeoutMs: 400 })
    expect(await dialling.ended()).toMatchObject({ code: 'CONNECT_TIMEOUT' })
    expect(proxy.fired).toContain('slice')
  })

  it('with a closed port fails at once', async () => {
    const server = await tcpServer(() => undefined)
    await server[Symbol.asyncDispose]()
    using dialling = new Dialling(server.url)
    expect(await dialling.ended()).toMatchObject({
      code: 'CONNECT',
      retryable: true,
      cause: { code: 'ECONNREFUSED' },
    })
  })

  it('with a host that does not exist fails with the name of the failure', async () => {
    using dialling = new Dialling('ws://does-not-exist.invalid')
    expect(await dialling.ended()).toMatchObject({
      code: 'CONNECT',
      cause: { syscall: 'getaddrinfo' },
    })
  })

  it.each([
    ['is cut', (socket: Socket) => socket.destroy()],
    ['is reset', (socket: Socket) => socket.resetAndDestroy()],
    ['is answered with noise', (socket: Socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n')],
    [
      'has the wrong key',
      (socket: Socket) =>
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n' +
            'Connection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n',
        ),
    ],
  ])('that %s fails', async (_, answer) => {
    await using server = await tcpServer((socket) => {
      socket.once('data', () => answer(socket))
    })
    using dialling = new Dialling(server.url)
    expect(await dialling.ended()).toMatchObject({ code: 'CONNECT', retryable: true })
  })
})

describe('frames', () => {
  it('come as text and as bytes, with their sizes', async () => {
    await using server = await writing(
      frame(TEXT, Buffer.from('äöü 🌊')),
      frame(BINARY, Uint8Array.of(0, 255)),
      frame(TEXT, Buffer.from('')),
    )
    using dialling = new Dialling(server.url)
    const connection = await dialling.opened()
    expect(await dialling.received(3)).toEqual(['äöü 🌊', Buffer.from([0, 255]), ''])
    expect(connection).toMatchObject({ bytes: 13, heard: 3, canPause: true })
  })

  it('of the very packet of the handshake are not lost', async () => {
    const key = /sec-websocket-key: (\S+)/i
    const { createHash } = await import('node:crypto')
    await using server = await tcpServer((socket) => {
      socket.once('data', (head) => {
        const accept = createHash('sha1')
          .update(`${key.exec(String(head))?.[1]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest('base64')
        const upgrade =
          'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n' +
          `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
        socket.write(Buffer.concat([Buffer.from(upgrade), frame(TEXT, Buffer.from('first'))]))
      })
    })
    using dialling = new Dialling(server.url)
    expect(await dialling.received(1)).toEqual(['first'])
  })

  it('of text that is not UTF-8 come as bytes, and the connection stays', async () => {
    await using server = await writing(
      frame(TEXT, Uint8Array.of(0x61, 0xff, 0xfe)),
      frame(TEXT, Buffer.from('next')),
    )
    using dialling = new Dialling(server.url)
    expect(await dialling.received(2)).toEqual([Buffer.from([0x61, 0xff, 0xfe]), 'next'])
    expect(dialling.error).toBeUndefined()
  })

  it('come as bytes on request, fragmented or not, and say which are text', async () => {
    const fragments = [Buffer.from([0x01, 1, 0xc3]), Buffer.from([0x80, 1, 0xa4])]
    await using server = await writing(
      frame(TEXT, Buffer.from('äöü')),
      frame(BINARY, Buffer.of(1)),
      frame(TEXT, Uint8Array.of(0x61, 0xff)),
      frame(TEXT, Buffer.from('\ufffd')),
      ...fragments,
    )
    using dialling = new Dialling(server.url, { textAsBytes: true })
    expect(await dialling.received(5)).toEqual([
      'äöü',
      Buffer.of(1),
      Buffer.of(0x61, 0xff),
      '\ufffd',
      'ä',
    ])
    expect(dialling.asBytes).toBe(4)
  })

  it('above `maxFrameBytes` end the connection, those at it do not', async () => {
    await using server = await writing(
      frame(TEXT, Buffer.alloc(1000, 'x')),
      frame(TEXT, Buffer.alloc(1001, 'x')),
    )
    using dialling = new Dialling(server.url, { maxFrameBytes: 1000 })
    expect(await dialling.ended()).toMatchObject({
      code: 'FRAME_TOO_LARGE',
      retryable: true,
      message: expect.stringContaining('1000'),
    })
    expect(dialling.frames).toEqual(['x'.repeat(1000)])
  })

  it('in many fragments above `maxFrameBytes` end the connection too', async () => {
    const fragment = (opcode: number) =>
      Buffer.concat([Buffer.from([opcode, 100]), Buffer.alloc(100, 'x')])
    await using server = await writing(
      fragment(TEXT),
      ...Array.from({ length: 20 }, () => fragment(0)),
    )
    using dialling = new Dialling(server.url, { maxFrameBytes: 1000 })
    expect(await dialling.ended()).toMatchObject({ code: 'FRAME_TOO_LARGE' })
  })

  it.each([
    ['whole', (bytes: Buffer) => [frame(BINARY, bytes)]],
    [
      'in fragments',
      (bytes: Buffer) => [
        fragment(BINARY, bytes.subarray(0, 700)),
        fragment(0x80, bytes.subarray(700)),
      ],
    ],
  ])(
    'above `maxFrameBytes` (%s) are passed over where they may be, and the connection stays',
    async (_, written) => {
      const large = Buffer.from(Uint8Array.from({ length: 5000 }, (__, index) => index))
      await using server = await writing(
        frame(BINARY, Buffer.of(1)),
        ...written(large),
        frame(BINARY, Buffer.of(2)),
      )
      using dialling = new Dialling(server.url, { maxFrameBytes: 1000, skipsLargeFrames: true })
      expect(await dialling.received(2)).toEqual([Buffer.of(1), Buffer.of(2)])
      expect(dialling.large).toMatchObject([{ head: large, length: 5000 }])
      expect(dialling.connection?.bytes).toBe(5002)
      expect(dialling.error).toBeUndefined()
    },
  )

  it('above `maxFrameBytes` come in their turn, also to a reader that had paused', async () => {
    const pieces = [
      frame(TEXT, Buffer.from('a')),
      frame(TEXT, Buffer.alloc(2000, 'x')),
      frame(TEXT, Buffer.from('b')),
    ]
    await using server = await writing(Buffer.concat(pieces))
    using dialling = new Dialling(server.url, { maxFrameBytes: 1000, skipsLargeFrames: true })
    const told: unknown[] = []
    dialling.onLarge = () => told.push('large')
    dialling.onFrame = (received) => {
      told.push(received)
      if (received === 'a') dialling.connection?.pause()
    }
    await dialling.received(1)
    expect(told).toEqual(['a'])
    dialling.connection?.resume()
    await dialling.received(2)
    expect(told).toEqual(['a', 'large', 'b'])
  })

  it('that are discarded are a sign of life with each byte: no pong can come between', async () => {
    let socket: Socket | undefined
    await using server = await wsServer((_ws, _request, tcp) => {
      socket = tcp
      tcp.write(frame(BINARY, Buffer.alloc(60_000)).subarray(0, 100))
    })
    using dialling = new Dialling(server.url, { maxFrameBytes: 10, skipsLargeFrames: true })
    const connection = await dialling.opened()
    const before = connection.heard
    while (connection.heard <= before) {
      socket?.write(Buffer.of(0))
      await new Promise(setImmediate)
    }
    expect(dialling.large).toEqual([])
  })

  it.each([
    ['a reserved bit', Buffer.from([0xc1, 1, 0x61])],
    ['an unknown opcode', Buffer.from([0x83, 0])],
    ['a mask', Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x61])],
    ['a ping of 126 bytes', Buffer.concat([Buffer.from([0x89, 126, 0, 126]), Buffer.alloc(126)])],
    ['a close code that may not be sent', Buffer.from([0x88, 2, 0x03, 0xed])],
    ['a continuation of nothing', Buffer.from([0x80, 0])],
  ])('against RFC 6455 (%s) end the connection, to be dialled again', async (_, bytes) => {
    await using server = await writing(bytes)
    using dialling = new Dialling(server.url)
    expect(await dialling.ended()).toMatchObject({
      code: 'CONNECTION_CLOSED',
      closeCode: 1002,
      retryable: true,
    })
  })
})

describe('the end of a connection', () => {
  it.each([1000, 1001, 1012])(
    'by a close frame with %i is an error, with code and reason',
    async (code) => {
      await using server = await wsServer((ws) => ws.close(code, 'so long'))
      using dialling = new Dialling(server.url)
      expect(await dialling.ended()).toMatchObject({
        code: 'CONNECTION_CLOSED',
        closeCode: code,
        reason: 'so long',
      })
    },
  )

  it('by a close frame without a code is 1005', async () => {
    await using server = await wsServer((ws) => ws.close())
    using dialling = new Dialling(server.url)
    expect(await dialling.ended()).toMatchObject({ closeCode: 1005 })
  })

  it.each([
    ['FIN without a close frame', (tcp: Socket) => tcp.end()],
    ['RST', (tcp: Socket) => tcp.resetAndDestroy()],
    [
      'RST in the middle of a frame',
      (tcp: Socket) => tcp.write(Buffer.from([0x81, 126, 1, 0, 0x61]), () => tcp.resetAndDestroy()),
    ],
    [
      'FIN in the middle of a frame',
      (tcp: Socket) => tcp.end(Buffer.from([0x81, 126, 1, 0, 0x61])),
    ],
  ])('by %s is 1006, after all that came before it', async (_, end) => {
    const received = new Changes()
    let ready = false
    await using server = await wsServer((ws, _request, tcp) => {
      ws.send('one')
      void received.when(() => ready).then(() => end(tcp))
    })
    using dialling = new Dialling(server.url)
    await dialling.received(1)
    ready = true
    received.notify()
    expect(await dialling.ended()).toMatchObject({ code: 'CONNECTION_CLOSED', closeCode: 1006 })
    expect(dialling.frames).toEqual(['one'])
  })
})

describe('signs of life', () => {
  it('are pongs to our pings, and pings of the server, which are answered', async () => {
    let server$: WebSocket | undefined
    await using server = await wsServer((ws) => {
      server$ = ws
    })
    using dialling = new Dialling(server.url)
    const connection = await dialling.opened()
    const ws = server$ as WebSocket
    const ponged = once(ws, 'ping')
    connection.ping()
    await ponged
    const answered = once(ws, 'pong')
    ws.ping('42')
    expect(String((await answered)[0])).toBe('42')
    ws.send('x')
    await dialling.received(1)
    expect(connection.heard).toBe(3)
  })

  it('are none over a half-open connection', async () => {
    await using server = await wsServer((ws) => ws.send('x'))
    await using proxy = await faultProxy({ target: server.url })
    using dialling = new Dialling(proxy.url)
    const connection = await dialling.opened()
    await dialling.received(1)
    proxy.set({ halfOpen: true })
    connection.ping()
    await proxy.when(() => proxy.fired.includes('halfOpen'))
    expect(connection.heard).toBe(1)
    expect(dialling.error).toBeUndefined()
  })

  it('may be asked for and given on a connection that is over', async () => {
    await using server = await wsServer((ws) => ws.close(1000))
    using dialling = new Dialling(server.url)
    const connection = await dialling.opened()
    await dialling.ended()
    connection.ping()
    connection.send('x')
    connection.pause()
    connection.resume()
  })
})
