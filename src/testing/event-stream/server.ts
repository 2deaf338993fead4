import type { IncomingMessage, ServerResponse } from 'node:http'
import type { WebSocket } from 'ws'
import { checkTimers, period } from '../server/check-timers.js'
import { FaultPlan } from '../server/faults.js'
import { answerPlain } from '../server/http-answer.js'
import {
  type ConnectionHandler,
  HttpListener,
  type UpgradeRequest,
  urlOf,
} from '../server/http-listener.js'
import { PlaybackServer } from '../server/playback-server.js'
import { type ItemSource, PlayScript } from '../server/script.js'
import type { FakeEventStream, FakeEventStreamOptions } from './contract.js'
import { type StreamKind, StreamLog, type StreamRow } from './log.js'
import { EventStreamReader, type StreamLogServer } from './reader.js'
import { SERVER_STYLES, type ServerStyle, type StreamStart, type StyleName } from './style.js'

/** Which stream to serve, and what it plays. */
export interface StreamDefinition<Item> {
  /** The function that makes the server, for its errors. */
  readonly callee: string
  /** The XRPC method. */
  readonly method: string
  readonly style: StyleName
  readonly kind: StreamKind<Item>
  readonly events: ItemSource<Item | Uint8Array>
}

/** The listener, the log and the readers of one event stream. */
export class StreamServer<Item>
  extends PlaybackServer<EventStreamReader>
  implements FakeEventStream<Item | Uint8Array>, ConnectionHandler, StreamLogServer
{
  readonly log: StreamLog<Item>
  readonly faults: FaultPlan
  readonly style: ServerStyle
  readonly script: PlayScript<Item | Uint8Array, StreamRow>
  /** These servers were not seen to have one. */
  readonly writeTimeoutMs = Number.POSITIVE_INFINITY
  protected readonly items = 'messages'
  protected readonly listener = new HttpListener(this)

  constructor(
    private readonly definition: StreamDefinition<Item>,
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
    checkTimers(definition.callee, period, { pingEveryMs })
    const style = SERVER_STYLES[definition.style]
    this.style = {
      ...style,
      bufferEvents: bufferEvents ?? style.bufferEvents,
      pingEveryMs: pingEveryMs ?? style.pingEveryMs,
    }
    this.log = new StreamLog(firstSeq, { retainEvents, retainMs }, definition.kind)
    this.faults = new FaultPlan(faults)
    this.script = new PlayScript(
      definition.events,
      this.log,
      Array.isArray(definition.events) ? 'ahead' : 'on demand',
    )
    this.script.take(stored === 'all' ? Number.POSITIVE_INFINITY : stored)
  }

  get url(): string {
    return `ws://${this.host}`
  }

  get endpoint(): string {
    return `${this.url}/xrpc/${this.definition.method}`
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
    this.onGrowth()
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
    this.changes.notify()
  }

  /**
   * The room of the slowest live reader: a script without a rate waits, so that none is cut off.
   */
  room(): number {
    const live = this.list.open.filter(({ state }) => state === 'open')
    return this.style.bufferEvents - Math.max(0, ...live.map(({ behind }) => behind))
  }

  onReaderLeft(): void {
    setImmediate(() => this.onGrowth())
  }

  onUpgrade(upgrade: UpgradeRequest): void {
    const fault = this.faults.onConnect(upgrade.attempt.attempt, this.sent)
    if (fault)
      this.listener.applyFault(fault, upgrade, (ws, { code, reason }) =>
        this.#addReader(upgrade, ws, {}).end(code, reason),
      )
    else this.#answer(upgrade)
    this.changes.notify()
  }

  onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { url = '/', headers } = request
    const { noUpgrade, unknownMethod } = this.style
    const answer = this.#isOwnMethod(url) ? noUpgrade : (unknownMethod ?? noUpgrade)
    this.requests.push({ url, headers, status: answer.status })
    answerPlain(response, answer)
    this.changes.notify()
  }

  #answer(upgrade: UpgradeRequest): void {
    if (this.#isOwnMethod(upgrade.attempt.url)) {
      this.#begin(upgrade)
      return
    }
    const { unknownMethod } = this.style
    if (unknownMethod) this.listener.refuse(upgrade, unknownMethod)
    else upgrade.socket.destroy()
  }

  #begin(upgrade: UpgradeRequest): void {
    const start = this.style.startOf(upgrade.attempt.params, this.definition.method, this.log)
    if ('status' in start) this.listener.refuse(upgrade, start)
    else if ('error' in start)
      this.listener.accept(upgrade, (ws) =>
        this.#addReader(upgrade, ws, {}).endWithError(start.error, start.message),
      )
    else {
      this.listener.accept(upgrade, (ws) => this.#addReader(upgrade, ws, start).pump())
      this.playback.pace()
    }
  }

  #addReader(
    { attempt, socket }: UpgradeRequest,
    ws: WebSocket,
    start: StreamStart,
  ): EventStreamReader {
    const reader = new EventStreamReader(attempt, ws, socket, this, start)
    ws.on('message', (data) => {
      reader.messages.push(String(data))
      this.changes.notify()
    })
    ws.on('close', () => {
      this.list.addEnded(reader)
      this.onReaderLeft()
    })
    this.list.add(reader)
    return reader
  }

  #isOwnMethod(target: string): boolean {
    return urlOf(target).pathname === `/xrpc/${this.definition.method}`
  }
}
