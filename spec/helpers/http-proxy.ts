import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { runInThisContext } from 'node:vm'
import { Changes } from '../../src/testing/server/changes.js'
import { CERTIFICATE, KEY } from '../socket/certificate.js'

export interface HttpProxyOptions {
  /** `name:password`, as in a URL; without them, a request is answered with 407. */
  readonly credentials?: string
  /** Refuses every request with this status. */
  readonly status?: number
  /** Over TLS itself. */
  readonly secure?: boolean
  /** Takes requests, and answers none. */
  readonly hangs?: boolean
}

/** A proxy as companies have them: CONNECT, and whole URLs without TLS. */
export class HttpProxy implements AsyncDisposable {
  /** Each request line, such as `CONNECT localhost:443`. */
  readonly requests: string[] = []
  readonly headers: IncomingMessage['headers'][] = []
  readonly #changes = new Changes()
  readonly #sockets = new Set<Duplex>()
  readonly #server
  #credentials: string | undefined

  private constructor(private readonly options: HttpProxyOptions) {
    this.#credentials = options.credentials
    const forward = (asked: IncomingMessage, answer: ServerResponse) => this.#forward(asked, answer)
    this.#server = options.secure
      ? createSecure({ key: KEY, cert: CERTIFICATE }, forward)
      : createServer(forward)
    this.#server.on('connect', (asked, socket: Socket) => this.#tunnel(asked, socket))
    this.#server.on('connection', (socket: Socket) => this.#keep(socket))
  }

  static async open(options: HttpProxyOptions = {}): Promise<HttpProxy> {
    const proxy = new HttpProxy(options)
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening')
    return proxy
  }

  /** With the name and the password. */
  get url(): string {
    const { credentials } = this.options
    return this.origin.replace('//', credentials === undefined ? '//' : `//${credentials}@`)
  }

  /** Without them. */
  get origin(): string {
    const { port } = this.#server.address() as AddressInfo
    return this.options.secure ? `https://localhost:${port}` : `http://127.0.0.1:${port}`
  }

  /** How many connections are open, of both sides. */
  get open(): number {
    return this.#sockets.size
  }

  /** From now on. */
  wants(credentials: string | undefined): void {
    this.#credentials = credentials
  }

  when(isSo: () => boolean): Promise<void> {
    return this.#changes.when(isSo)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.#changes.notify()
    })
  }

  /** The status of a refusal, if the request is to be refused. */
  #refusal({ method, url, headers }: IncomingMessage): number | undefined {
    this.requests.push(`${method} ${url}`)
    this.headers.push(headers)
    this.#changes.notify()
    const plain = this.#credentials && decodeURIComponent(this.#credentials)
    const wanted = plain && `Basic ${Buffer.from(plain).toString('base64')}`
    const isRight = wanted === undefined || headers['proxy-authorization'] === wanted
    return isRight ? this.options.status : 407
  }

  #tunnel(asked: IncomingMessage, socket: Socket): void {
    const refusal = this.#refusal(asked)
    if (this.options.hangs) {
      socket.on('end', () => socket.destroy()).resume()
      return
    }
    if (refusal !== undefined) {
      socket.end(`HTTP/1.1 ${refusal} Refused\r\ncontent-length: 2\r\n\r\nno`)
      return
    }
    const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(asked.url ?? '') ?? []
    const server = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(server).pipe(socket)
    })
    this.#keep(server)
    server.on('close', () => socket.destroy())
    socket.on('close', () => server.destroy())
  }

  #forward(asked: IncomingMessage, answer: ServerResponse): void {
    const refusal = this.#refusal(asked)
    if (this.options.hangs) return
    if (refusal !== undefined) {
      answer.writeHead(refusal).end('no')
      return
    }
    const { 'proxy-authorization': _, ...headers } = asked.headers
    const { method } = asked
    const server = request(asked.url ?? '', { method, headers, agent: false }, (answered) => {
      answer.writeHead(answered.statusCode ?? 0, answered.headers)
      answered.pipe(answer)
    })
    server.on('error', () => answer.destroy())
    asked.pipe(server)
  }
}

/**
 * An agent as one of Node 24 with `proxyEnv` whose proxy wants a password, seen from Node 24.22. It
 * says so when its proxy has answered; one of another make may say so at once.
 */
export function refusedAgent(call: (created: () => void) => void): Agent {
  const agent = new Agent()
  const createConnection = (_: object, created: (error: Error) => void): void => {
    // Of the realm of Node, whose emitters know it for an error.
    const error: Error = runInThisContext("new Error('Failed to establish tunnel to a.test:443')")
    call(() => created(Object.assign(error, { code: 'ERR_PROXY_TUNNEL', statusCode: 407 })))
  }
  return Object.assign(agent, { createConnection })
}

/** When such an agent says so. */
export const REFUSED_WHEN: readonly (readonly [string, (created: () => void) => void])[] = [
  ['later', setImmediate],
  ['at once', (created) => created()],
]
