import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { generateRepos } from '../generate/repos.js'
import { Changes } from '../server/changes.js'
import { reset } from '../server/tcp-reset.js'
import type { FakeRepos, FakeReposOptions, FakeReposRequest } from './contract.js'
import { type FiredReposFault, type ReposFault, ReposFaultPlan } from './faults.js'
import { type ReposPage, type ReposQuery, type ReposStyle, STYLES } from './pages.js'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

const PATH = '/xrpc/com.atproto.sync.listRepos'
const FLOOD_CHUNK = Buffer.alloc(1 << 16, ' ')

/** The list, the requests and the faults of one fake server. */
export class ReposServer implements FakeRepos {
  readonly repos: unknown[]
  readonly requests: Writable<FakeReposRequest>[] = []
  readonly #style: ReposStyle
  readonly #faults: ReposFaultPlan
  readonly #changes = new Changes()
  readonly #http: Server = createServer((request, response) => this.#answer(request, response))
  readonly #sockets = new Set<Socket>()
  readonly #timers = new Set<NodeJS.Timeout>()
  // What the previous request asked for.
  #last: ReposQuery = { from: 0, limit: 0 }
  #closing: Promise<void> | undefined

  constructor({ repos = 0, seed = 1, style = 'relay', faults = [] }: FakeReposOptions) {
    this.repos = [...(typeof repos === 'number' ? generateRepos({ count: repos, seed }) : repos)]
    this.#style = STYLES[style]
    this.#faults = new ReposFaultPlan(faults)
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port
  }

  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  get url(): string {
    return `http://${this.host}`
  }

  get fired(): readonly FiredReposFault[] {
    return this.#faults.fired
  }

  async listen(port: number): Promise<void> {
    this.#http.on('connection', (socket) =>
      this.#sockets.add(socket.on('close', () => this.#sockets.delete(socket))),
    )
    await new Promise<void>((resolve, reject) =>
      this.#http.once('error', reject).listen(port, '127.0.0.1', resolve),
    )
  }

  add(...repos: readonly unknown[]): void {
    this.repos.push(...repos)
  }

  when(holds: () => boolean): Promise<void> {
    return this.#changes.when(holds)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#http.close(resolve))
    const { missing } = this.#faults
    if (missing.length > 0)
      throw new Error(
        `faults that never happened, after ${this.requests.length} requests:\n  ` +
          missing.join('\n  '),
      )
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url)
    if (url.pathname !== PATH) {
      send(response, 404, '{"error":"Not Found"}\n')
      return
    }
    const entry = this.#record(request, url.searchParams)
    response.on('close', () => {
      entry.aborted = !response.writableFinished
      entry.status = response.headersSent ? response.statusCode : 0
      this.#changes.notify()
    })
    const fault = this.#faults.at(entry.request)
    const query = this.#style.query(url.searchParams)
    if (fault?.do === 'refuse') send(response, fault.status ?? 503, fault.body ?? '', fault.headers)
    else if ('status' in query) send(response, query.status, query.body)
    else this.#sendPage(response, query, fault)
    this.#changes.notify()
  }

  #record(
    { url = '/', headers }: IncomingMessage,
    params: URLSearchParams,
  ): Writable<FakeReposRequest> {
    const entry = {
      request: this.requests.length + 1,
      url,
      headers,
      cursor: params.get('cursor') ?? undefined,
      limit: params.get('limit') ?? undefined,
      startedAt: performance.now(),
      status: 0,
      aborted: false,
    }
    this.requests.push(entry)
    return entry
  }

  #sendPage(response: ServerResponse, query: ReposQuery, fault: ReposFault | undefined): void {
    const body = JSON.stringify(this.#page(query, fault))
    this.#last = query
    switch (fault?.do) {
      case 'hang':
        break
      case 'reset':
        if (response.socket !== null) reset(response.socket)
        break
      case 'stall':
        begin(response, body)
        break
      case 'cut':
        begin(response, body, () => response.destroy())
        break
      case 'slow':
        this.#timers.add(setTimeout(() => send(response, 200, body), fault.delayMs))
        break
      case 'garbage':
        send(response, 200, fault.body)
        break
      case 'flood':
        flood(response)
        break
      default:
        send(response, 200, body)
    }
  }

  #page(asked: ReposQuery, fault: ReposFault | undefined): ReposPage {
    const query = fault?.do === 'repeat' ? this.#last : asked
    const count = fault?.do === 'shrink' ? Math.min(fault.repos, query.limit) : query.limit
    const repos = this.repos.slice(query.from, query.from + count)
    const spoilt = fault?.do === 'spoil' ? repos.with(fault.index ?? 0, fault.repo) : repos
    if (fault?.do !== 'shrink' && !this.#style.hasCursor(repos, query.limit))
      return { repos: spoilt }
    return { cursor: this.#cursorBehind(asked, asked.from + repos.length, fault), repos: spoilt }
  }

  #cursorBehind(asked: ReposQuery, behind: number, fault: ReposFault | undefined): string {
    const count =
      fault?.do === 'loop' ? Math.max(0, asked.from - (fault.back ?? 0) * asked.limit) : behind
    return this.#style.cursorOf(count, this.repos[count - 1])
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): void {
  response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
    .end(body)
}

/** The first half of a page. */
function begin(response: ServerResponse, body: string, then: () => void = () => {}): void {
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
  })
  response.write(body.slice(0, Math.floor(body.length / 2)), then)
}

function flood(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
  const pour = (): void => {
    while (!response.destroyed && response.write(FLOOD_CHUNK));
  }
  response.on('drain', pour)
  pour()
}
