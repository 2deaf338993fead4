import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import type { HttpAnswer, HttpRequest, SendRequest } from '../../src/http/request.js'
import { reasonOf } from '../../src/internal/message-of.js'
import { readBody } from '../../src/internal/read-body.js'
import { Changes } from '../../src/testing/server/changes.js'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A server that says how it is used. */
export class PlainServer implements AsyncDisposable {
  readonly requests: IncomingMessage[] = []
  /** How many connections were opened. */
  connections = 0
  readonly #changes = new Changes()
  readonly #sockets = new Set<Socket>()
  readonly #server

  private constructor(private readonly answer: Answer) {
    this.#server = createServer((request, response) => {
      this.requests.push(request)
      this.answer(request, response)
      this.#changes.notify()
    })
    this.#server.on('connection', (socket: Socket) => {
      this.connections += 1
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        this.#changes.notify()
      })
    })
  }

  static async open(answer: Answer): Promise<PlainServer> {
    const server = new PlainServer(answer)
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  requested(count: number): Promise<void> {
    return this.#changes.when(() => this.requests.length >= count)
  }

  /** Resolves when the connections of all requests are closed: a client may have opened others. */
  left(): Promise<void> {
    return this.#changes.when(() => this.requests.every(({ socket }) => socket.destroyed))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** A request without a limit. */
export const plain: HttpRequest = {
  headers: {},
  redirect: 'error',
  signal: new AbortController().signal,
}

export const textOf = async (answer: HttpAnswer, max = 1_000_000): Promise<string> =>
  new TextDecoder().decode((await readBody(answer, max)).bytes)

/** Why a promise was rejected. */
export const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => error,
  )

/** What holds of a request, whatever sends it. */
export function describeRequests(name: string, send: SendRequest): void {
  describe(`a request of ${name}`, () => {
    it('brings the status, the headers and the body', async () => {
      await using server = await PlainServer.open((_, response) =>
        response.writeHead(429, { 'Retry-After': '7', 'x-two': ['a', 'b'] }).end('slow down'),
      )
      const answer = await send(server.url, plain)
      expect(answer).toMatchObject({ ok: false, status: 429 })
      expect([answer.headers.get('retry-after'), answer.headers.get('x-two')]).toEqual([
        '7',
        'a, b',
      ])
      expect(await textOf(answer)).toBe('slow down')
    })

    it('carries its method, its headers and its body', async () => {
      await using server = await PlainServer.open(async (request, response) => {
        let body = ''
        for await (const chunk of request) body += String(chunk)
        response.end(`${request.method} ${request.url} ${request.headers['x-key']} ${body}`)
      })
      const request = { ...plain, method: 'POST', headers: { 'X-Key': 'k' }, body: 'ä' } as const
      const answer = await send(new URL('/a%3Ab?c=d', server.url), request)
      expect(answer.ok).toBe(true)
      expect(await textOf(answer)).toBe('POST /a%3Ab?c=d k ä')
    })

    it('has no body where the answer has none', async () => {
      await using server = await PlainServer.open((_, response) => response.writeHead(204).end())
      const answer = await send(server.url, plain)
      expect([answer.status, await textOf(answer)]).toEqual([204, ''])
    })

    it.each([
      ['gzip', gzipSync],
      ['br', brotliCompressSync],
    ])('decompresses a body that comes as %s, and bounds what that yields', async (_, compress) => {
      const text = 'text '.repeat(100_000)
      await using server = await PlainServer.open((request, response) => {
        // Browsers and Node offer `br` over TLS alone; a server may send it all the same.
        expect(request.headers['accept-encoding']).toContain('gzip')
        const encoding = compress === gzipSync ? 'gzip' : 'br'
        response.writeHead(200, { 'content-encoding': encoding }).end(compress(text))
      })
      expect(await textOf(await send(server.url, plain))).toBe(text)
      const { bytes, rest } = await readBody(await send(server.url, plain), 1000)
      expect([bytes.length, rest]).toEqual([1000, true])
    })

    it.each([301, 302, 303, 307, 308])('follows no redirect: %i', async (status) => {
      await using server = await PlainServer.open((_, response) =>
        response.writeHead(status, { location: '/elsewhere' }).end('moved'),
      )
      const failure = await rejection(send(server.url, plain))
      expect(reasonOf(failure)).toMatch(/redirect/)
      const answer = await send(server.url, { ...plain, redirect: 'manual' })
      expect([answer.status, answer.headers.get('location')]).toEqual([status, '/elsewhere'])
      expect(await textOf(answer)).toBe('moved')
      expect(server.requests.map(({ url }) => url)).toEqual(['/', '/'])
    })

    it('is not sent where it was aborted before', async () => {
      await using server = await PlainServer.open((_, response) => response.end())
      const signal = AbortSignal.abort(new Error('never mind'))
      expect(await rejection(send(server.url, { ...plain, signal }))).toBe(signal.reason)
      expect(server.requests).toEqual([])
    })

    it('that is aborted while it waits rejects with the reason, and leaves', async () => {
      await using server = await PlainServer.open(() => undefined)
      const controller = new AbortController()
      const failure = rejection(send(server.url, { ...plain, signal: controller.signal }))
      await server.requested(1)
      const reason = new Error('no longer needed')
      controller.abort(reason)
      expect(await failure).toBe(reason)
      await server.left()
    })

    it('that is aborted while its body comes ends it with the reason, and leaves', async () => {
      await using server = await PlainServer.open((_, response) =>
        response.writeHead(200, { 'content-length': 10 }).write('half'),
      )
      const controller = new AbortController()
      const answer = await send(server.url, { ...plain, signal: controller.signal })
      const failure = rejection(textOf(answer))
      const reason = new Error('no longer needed')
      controller.abort(reason)
      expect(await failure).toBe(reason)
      await server.left()
    })

    it('that is not answered in time says so', async () => {
      await using server = await PlainServer.open(() => undefined)
      const signal = AbortSignal.timeout(50)
      expect(await rejection(send(server.url, { ...plain, signal }))).toMatchObject({
        name: 'TimeoutError',
      })
      await server.left()
    })

    it('leaves where its body is not read to the end', async () => {
      await using server = await PlainServer.open((_, response) => {
        const write = () => {
          while (response.write('x'.repeat(65_536)));
        }
        response.on('drain', write)
        write()
      })
      const { bytes, rest } = await readBody(await send(server.url, plain), 100_000)
      expect([bytes.length, rest]).toEqual([100_000, true])
      await server.left()
    })

    it('whose answer is cut fails while the body is read', async () => {
      await using server = await PlainServer.open((_, response) =>
        response.writeHead(200, { 'content-length': 10 }).write('half', () => response.destroy()),
      )
      const answer = await send(server.url, plain)
      expect(await rejection(textOf(answer))).toHaveProperty('message')
    })

    it.each<readonly [string, (socket: Socket) => unknown]>([
      ['closes', (socket) => socket.destroy()],
      ['answers with noise', (socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n')],
    ])('to a server that %s fails', async (_, act) => {
      await using server = await PlainServer.open(({ socket }) => act(socket))
      expect(await rejection(send(server.url, plain))).toHaveProperty('message')
    })

    it('to a closed port names the failure', async () => {
      const server = await PlainServer.open(() => undefined)
      const { url } = server
      await server[Symbol.asyncDispose]()
      expect(reasonOf(await rejection(send(url, plain)))).toMatch(/ECONNREFUSED/)
    })

    it('shares a connection with those after it', async () => {
      await using server = await PlainServer.open((_, response) => response.end('page'))
      for (let page = 0; page < 3; page += 1)
        expect(await textOf(await send(server.url, plain))).toBe('page')
      expect(server.requests).toHaveLength(3)
      expect(server.connections).toBeLessThan(3)
    })
  })
}
