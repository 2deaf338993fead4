import type { IncomingMessage, ServerResponse } from 'node:http'
import type { WebSocket } from 'ws'
import { answerPlain } from '../jetstream/subscribe-request.js'
import { FaultPlan } from '../server/faults.js'
import {
  type ConnectionHandler,
  HttpListener,
  type UpgradeRequest,
  urlOf,
} from '../server/http-listener.js'
import { PlayingServer } from '../server/playing-server.js'
import { type ItemSource, PlayScript } from '../server/script.js'
import type { FakeEventStream, FakeEventStreamOptions } from './contract.js'
import {
  SERVER_STYLES,
  type ServerStyle,
  type StreamStart,
  type StyleName,
} from './server-style.js'
import { type StreamKind, StreamLog, type StreamRow } from './stream-log.js'
import { type StreamReadableLog, SubscriptionReader } from './stream-reader.js'

/** Which stream, and what it plays. */
export interface Stream<Item> {
  /** The XRPC method. */
  readonly method: string
  readonly style: StyleName
  readonly kind: StreamKind<Item>
  readonly events: ItemSource<Item | Uint8Array>
}

/** The listener, the log and the readers of one event stream. */
export class StreamServer<Item>
  extends PlayingServer<SubscriptionReader>
  implements FakeEventStream<Item | Uint8Array>, ConnectionHandler, StreamReadableLog
{
  readonly log: StreamLog<Item>
  readonly faults: FaultPlan
  readonly manners: ServerStyle
  readonly script: PlayScript<Item | Uint8Array, StreamRow>
  /** Not seen of these servers. */
  readonly writeTimeoutMs = Number.POSITIVE_INFINITY
  protected readonly items = 'messages'
  protected readonly listener = new HttpListener(this)

  constructor(
    private readonly stream: Stream<Item>,
    private readonly options: FakeEventStreamOptions,
  ) {
    super()
    const {
      firstSeq = 1,
      retainEvents = Number.POSITIVE_INFINITY,
      retainMs = Number.POSITIVE_INFINITY,
      faults = [],
      stored = 0,
    } = options
    const { bufferEvents, pingEveryMs } = options
    const manners = SERVER_STYLES[stream.style]
    this.manners = {
      ...manners,
      bufferEvents: bufferEvents ?? manners.bufferEvents,
      pingEveryMs: pingEveryMs ?? manners.pingEveryMs,
    }
    this.log = new StreamLog(firstSeq, { retainEvents, retainMs }, stream.kind)
    this.faults = new FaultPlan(faults)
    this.script = new PlayScript(
      stream.events,
      this.log,
      Array.isArray(stream.events) ? 'ahead' : 'on demand',
    )
    this.script.take(stored === 'all' ? Number.POSITIVE_INFINITY : stored)
  }

  get url(): string {
    return `ws://${this.host}`
  }

  get endpoint(): string {
    return `${this.url}/xrpc/${this.stream.method}`
  }

  get frames(): readonly Uint8Array[] {
    return this.log.frames
  }

  get ratePerSecond(): number | undefined {
    return this.options.ratePerSecond
  }

  listen(port: number): Promise<void> {
    return this.listener.listen(port)
  }

  emit(...items: readonly (Item | Uint8Array)[]): void {
    for (const item of items) this.log.push(this.log.encode(item))
    this.grown()
  }

  restart({
    lose = 0,
    firstSeq,
  }: {
    readonly lose?: number
    readonly firstSeq?: number
  } = {}): void {
    for (const reader of this.list.open) reader.end()
    this.log.lose(lose)
    if (firstSeq !== undefined) this.log.renumber(firstSeq)
    this.changes.changed()
  }

  /**
   * What the slowest live reader has room for: a script that nobody paces waits rather than cut it.
   */
  room(): number {
    const live = this.list.open.filter(({ state }) => state === 'open')
    return this.manners.bufferEvents - Math.max(0, ...live.map(({ behind }) => behind))
  }

  fellOut(): void {
    setImmediate(() => this.grown())
  }

  knocked(knock: UpgradeRequest): void {
    const fault = this.faults.onConnect(knock.attempt.attempt, this.sent)
    if (fault)
      this.listener.meet(fault, knock, (ws, { code, reason }) =>
        this.#joined(knock, ws, {}).end(code, reason),
      )
    else this.#answer(knock)
    this.changes.changed()
  }

  asked(request: IncomingMessage, response: ServerResponse): void {
    const { url = '/', headers } = request
    const { noUpgrade, unknown } = this.manners
    const answer = this.#isMine(url) ? noUpgrade : (unknown ?? noUpgrade)
    this.requests.push({ url, headers, status: answer.status })
    answerPlain(response, answer)
    this.changes.changed()
  }

  #answer(knock: UpgradeRequest): void {
    if (this.#isMine(knock.attempt.url)) {
      this.#begin(knock)
      return
    }
    const { unknown } = this.manners
    if (unknown) this.listener.refuse(knock, unknown)
    else knock.socket.destroy()
  }

  #begin(knock: UpgradeRequest): void {
    const start = this.manners.startOf(knock.attempt.params, this.stream.method, this.log)
    if ('status' in start) this.listener.refuse(knock, start)
    else if ('error' in start)
      this.listener.accept(knock, (ws) =>
        this.#joined(knock, ws, {}).sayWhy(start.error, start.message),
      )
    else {
      this.listener.accept(knock, (ws) => this.#joined(knock, ws, start).pump())
      this.playback.pace()
    }
  }

  #joined(
    { attempt, socket }: UpgradeRequest,
    ws: WebSocket,
    start: StreamStart,
  ): SubscriptionReader {
    const reader = new SubscriptionReader(attempt, ws, socket, this, start)
    ws.on('message', (data) => {
      reader.messages.push(String(data))
      this.changes.changed()
    })
    ws.on('close', () => {
      this.list.ended(reader)
      this.fellOut()
    })
    this.list.add(reader)
    return reader
  }

  #isMine(target: string): boolean {
    return urlOf(target).pathname === `/xrpc/${this.stream.method}`
  }
}
