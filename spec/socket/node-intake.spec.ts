import { once } from 'node:events'
import type { AddressInfo, Socket, TcpNetConnectOpts } from 'node:net'
import { createServer } from 'node:tls'
import { dial } from '../../src/socket/node.js'
import { Intake } from '../../src/socket/node-intake.js'
import type { TextBytes } from '../../src/socket/text-bytes.js'
import { Changes } from '../../src/testing/server/changes.js'
import { CERTIFICATE, KEY } from './certificate.js'
import { Dialling } from './dialling.js'
import { frame, tcpServer, wsServer } from './servers.js'

const [TEXT, BINARY] = [1, 2]

/** A server that writes one packet after the other, each when the one before it was read. */
async function packets(...bytes: readonly Uint8Array[]) {
  const changes = new Changes()
  let read = 0
  const server = await wsServer(async (_ws, _request, tcp: Socket) => {
    for (const [index, piece] of bytes.entries()) {
      await changes.when(() => read >= index)
      tcp.write(piece)
    }
  })
  const more = () => {
    read += 1
    changes.notify()
  }
  return { server, more }
}

describe('a connection', () => {
  it('is read into one buffer, again and again', async () => {
    const { server, more } = await packets(
      ...['none', 'one', 'two', 'three'].map((text) => frame(TEXT, Buffer.from(text))),
    )
    await using _server = server
    const places: [ArrayBufferLike, number][] = []
    const options = {
      url: server.url,
      connectTimeoutMs: 5000,
      maxFrameBytes: 1000,
      headers: {},
      textAsBytes: true,
    }
    await new Promise<void>((resolve, reject) => {
      const subscription = dial(options).subscribe({
        next: ({ frames$ }) =>
          frames$.subscribe((received) => {
            const { chunk, from } = received as TextBytes
            places.push([chunk.buffer, chunk.byteOffset + from])
            more()
            if (places.length < 4) return
            subscription.unsubscribe()
            resolve()
          }),
        error: reject,
      })
    })
    // The first may have come with the handshake.
    const [, [buffer, at], ...others] = places as [
      unknown,
      [ArrayBufferLike, number],
      ...typeof places,
    ]
    expect(buffer.byteLength).toBe(262_144)
    expect(others.every(([other, place]) => other === buffer && place === at)).toBe(true)
  })

  it('hands out frames that what comes next leaves as they are', async () => {
    const wrong = Uint8Array.of(0x61, 0xff)
    const text = 'long '.repeat(25) + 'text '.repeat(25)
    const long = frame(TEXT, Buffer.from(text))
    const { server, more } = await packets(
      // This one may come with the handshake.
      frame(TEXT, Buffer.from('first')),
      Buffer.concat([
        frame(BINARY, Buffer.from('binary')),
        frame(TEXT, wrong),
        long.subarray(0, 90),
      ]),
      Buffer.concat([long.subarray(90), frame(TEXT, Buffer.alloc(200, 'x'))]),
      frame(TEXT, Buffer.alloc(200, 'y')),
    )
    await using _server = server
    using dialling = new Dialling(server.url)
    dialling.onFrame = (received) =>
      /^(first|long|x)/.test(`${received}`) || received.length === wrong.length ? more() : undefined
    const [first, ...others] = await dialling.received(6)
    expect(first).toBe('first')
    expect(others).toEqual([
      Buffer.from('binary'),
      Buffer.from(wrong),
      text,
      'x'.repeat(200),
      'y'.repeat(200),
    ])
  })

  it.each([false, true])(
    'keeps what is left of a packet during a pause, while the next one comes (text as bytes: %s)',
    async (textAsBytes) => {
      const half = frame(TEXT, Buffer.alloc(100, 'c'))
      const { server, more } = await packets(
        Buffer.concat([
          frame(TEXT, Buffer.from('a')),
          frame(BINARY, Buffer.from('b')),
          half.subarray(0, 50),
        ]),
        Buffer.concat([half.subarray(50), frame(TEXT, Buffer.from('d'))]),
      )
      await using _server = server
      using dialling = new Dialling(server.url, { textAsBytes })
      dialling.onFrame = (text) => {
        if (text !== 'a') return
        dialling.connection?.pause()
        more()
      }
      await dialling.received(1)
      await new Promise(setImmediate)
      expect(dialling.frames).toEqual(['a'])
      dialling.connection?.resume()
      expect(await dialling.received(4)).toEqual(['a', Buffer.from('b'), 'c'.repeat(100), 'd'])
    },
  )

  it('checks the certificate of a server', async () => {
    await using server = await wsServer(() => undefined, { secure: true })
    using dialling = new Dialling(server.url)
    expect(await dialling.ended()).toMatchObject({
      code: 'TLS_UNTRUSTED',
      cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    })
  })
})

/** A server of bytes, over TCP or TLS, and the socket that an intake has opened to it. */
async function opened(isSecure: boolean) {
  const changes = new Changes()
  let peer: Socket | undefined
  const onSocket = (socket: Socket) => {
    peer = socket
    socket.on('error', () => undefined)
    changes.notify()
  }
  const server = isSecure ? createServer({ key: KEY, cert: CERTIFICATE }, onSocket) : undefined
  const tcp = server === undefined ? await tcpServer(onSocket) : undefined
  if (server !== undefined) await once(server.listen(0, '127.0.0.1'), 'listening')
  const port = Number(
    tcp === undefined
      ? (server?.address() as AddressInfo | undefined)?.port
      : new URL(tcp.url).port,
  )
  const intake = new Intake(isSecure)
  // What `ws` hands over holds HTTP's path.
  const options = {
    host: '127.0.0.1',
    port,
    path: '/subscribe',
    ca: CERTIFICATE,
    checkServerIdentity: () => undefined,
  }
  const socket = intake.connect(options)
  await changes.when(() => peer !== undefined)
  const end = async () => {
    socket.destroy()
    peer?.destroy()
    await tcp?.[Symbol.asyncDispose]()
    server?.close()
  }
  return { intake, socket, peer: peer as unknown as Socket, [Symbol.asyncDispose]: end }
}

/** Writes until the kernel takes no more; how many pieces of 60,000 bytes that were, up to 1000. */
async function fill(peer: Socket): Promise<number> {
  let written = 0
  while (peer.writableLength < 1_000_000 && written < 1000) {
    peer.write(Buffer.alloc(60_000))
    written += 1
    await new Promise(setImmediate)
  }
  return written
}

describe.each([
  ['TCP', false],
  ['TLS', true],
])('an intake over %s', (_, isSecure) => {
  it('is a stream until somebody takes its bytes, and again when they are left', async () => {
    await using connection = await opened(isSecure)
    const { intake, socket, peer } = connection
    const read: string[] = []
    const changes = new Changes()
    const told = (who: string) => (chunk: Buffer) => {
      read.push(`${who} ${chunk}`)
      changes.notify()
    }
    socket.on('data', told('stream'))
    for (const [text, reader] of [
      ['one', undefined],
      ['two', told('reader')],
      ['three', told('reader')],
      ['four', undefined],
    ] as const) {
      if (reader === undefined) intake.giveBack()
      else intake.take(reader)
      peer.write(text)
      await changes.when(() => read.at(-1)?.endsWith(text) ?? false)
    }
    expect(read).toEqual(['stream one', 'reader two', 'reader three', 'stream four'])
  })

  it('lets nothing overtake what waits in the stream', async () => {
    await using connection = await opened(isSecure)
    const { intake, socket, peer } = connection
    const direct: string[] = []
    // Nobody listens yet: the stream keeps it.
    for (const text of ['one', 'two']) {
      const before = socket.bytesRead
      peer.write(text)
      while (socket.bytesRead === before) await new Promise(setImmediate)
      intake.take((chunk) => direct.push(`${chunk}`))
    }
    expect([`${socket.read(socket.readableLength)}`, direct]).toEqual(['onetwo', []])
    peer.write('three')
    while (direct.length === 0) await new Promise(setImmediate)
    expect(direct).toEqual(['three'])
  })

  it('is told to stop and to go on by the socket, and brings what came between', async () => {
    await using connection = await opened(isSecure)
    const { intake, socket, peer } = connection
    const changes = new Changes()
    let size = 0
    intake.take((chunk) => {
      size += chunk.length
      changes.notify()
    })
    socket.resume()
    peer.write('x')
    await changes.when(() => size === 1)
    socket.pause()
    const written = await fill(peer)
    expect(written).toBeLessThan(1000)
    expect(size).toBeLessThan(1_000_000)
    socket.resume()
    await changes.when(() => size === 1 + written * 60_000)
  })

  it('that nobody reads takes no more than a stream does', async () => {
    await using connection = await opened(isSecure)
    const { socket, peer } = connection
    const written = await fill(peer)
    expect(written).toBeLessThan(1000)
    expect(socket.readableLength).toBeLessThan(600_000)
  })

  it.each(['in the tick of its start', 'after a resume in the same tick'])(
    'that is paused %s stays so',
    async (when) => {
      await using connection = await opened(isSecure)
      const { intake, socket, peer } = connection
      let size = 0
      intake.take((chunk) => {
        size += chunk.length
      })
      if (when.startsWith('after')) socket.resume()
      socket.pause()
      expect(await fill(peer)).toBeLessThan(1000)
      expect(size + socket.readableLength).toBeLessThan(1_000_000)
    },
  )

  it('ends as a socket does', async () => {
    await using connection = await opened(isSecure)
    const { intake, socket, peer } = connection
    let read = ''
    intake.take((chunk) => {
      read += chunk
    })
    socket.resume()
    peer.end('last words')
    await once(socket, 'close')
    expect(read).toBe('last words')
  })
})

it.each([
  ['localhost', 'localhost'],
  ['127.0.0.1', false],
])('names the server %s in TLS as %s: an address is no name', async (host, name) => {
  const changes = new Changes()
  let asked: string | false | undefined
  const server = createServer({ key: KEY, cert: CERTIFICATE }, (socket) => {
    asked = (socket as { servername?: string | false }).servername
    changes.notify()
  })
  await once(server.listen(0), 'listening')
  const { port } = server.address() as AddressInfo
  const socket = new Intake(true).connect({
    host,
    port,
    ca: CERTIFICATE,
    checkServerIdentity: () => undefined,
  } as TcpNetConnectOpts)
  await changes.when(() => asked !== undefined)
  expect(asked).toBe(name)
  socket.destroy()
  server.close()
})
