import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { FakeAttempt } from '../server/fake-connection.js'
import { FakeServer } from '../server/fake-server.js'
import { type ConnectFault, FaultPlan } from '../server/faults.js'
import { readClientMessage } from './ack.js'
import { TapConnection, type TapConnectionServer } from './connection.js'
import type {
  FakeTap,
  FakeTapAck,
  FakeTapDelivery,
  FakeTapOptions,
  FakeTapRow,
} from './contract.js'
import type { FakeTapItem } from './frame.js'
import { TapListener, type TapListenerServer } from './listener.js'
import { TapOutbox, type TapRow } from './outbox.js'
import type { FakeTapRepo, TapRequest, TapState } from './routes.js'
import { TapScript } from './script.js'
import { TapSender } from './sender.js'
import { TapTracker } from './tracker.js'

/**
 * A ticker deletes acked rows. After a restart, acked rows that were not deleted are sent again.
 */
const ACK_FLUSH_MS = 10_000

/**
 * The outbox of one fake server, and what acts on it: the script fills it, the sender reads it,
 * acks delete from it.
 */
export class TapServer
  extends FakeServer<TapConnection>
  implements FakeTap, TapConnectionServer, TapListenerServer
{
  readonly acks: FakeTapAck[] = []
  readonly state: TapState
  readonly faults: FaultPlan
  protected readonly items = 'frames'
  protected readonly listener = new TapListener(this)
  readonly #outbox = new TapOutbox()
  readonly #tracker: TapTracker
  readonly #script: TapScript
  readonly #sender: TapSender
  readonly #ticker: NodeJS.Timeout | undefined

  constructor(readonly options: FakeTapOptions) {
    super()
    const {
      repos = [],
      documents = {},
      webhook = false,
      faults = [],
      disableAcks,
      retryTimeoutMs = 60_000,
    } = options
    this.#tracker = new TapTracker(repos)
    this.state = { repos: this.#tracker.repos, documents, outbox: this.#outbox.rows, webhook }
    this.#script = new TapScript(options)
    this.faults = new FaultPlan(faults)
    this.#sender = new TapSender(this.#outbox, this.faults, this.changes)
    if (!disableAcks && retryTimeoutMs !== Number.POSITIVE_INFINITY)
      this.#ticker = setInterval(() => this.#redeliver(retryTimeoutMs), retryTimeoutMs)
    this.#fill()
  }

  get url(): string {
    return `ws://${this.host}`
  }

  get requests(): readonly (TapRequest & { readonly status: number })[] {
    return this.listener.requests
  }

  get sent(): number {
    return this.#sender.sent
  }

  get delivered(): readonly FakeTapDelivery[] {
    return this.#sender.delivered
  }

  get outbox(): readonly FakeTapRow[] {
    return [...this.#outbox.rows.values()]
  }

  get repos(): readonly FakeTapRepo[] {
    return [...this.#tracker.repos.values()]
  }

  listen(port: number): Promise<void> {
    return this.listener.listen(port)
  }

  emit(...events: readonly FakeTapItem[]): readonly number[] {
    const ids = events.map((event) => this.#add(event).id)
    this.#sender.pump()
    return ids
  }

  setRepo(repo: Partial<FakeTapRepo> & { readonly did: string }): void {
    this.#tracker.set(repo)
    this.changes.notify()
  }

  redeliver(): number {
    return this.#redeliver(0)
  }

  acked(n = 1): Promise<void> {
    return this.when(() => this.#outbox.acked >= n)
  }

  drained(): Promise<void> {
    return this.when(() => this.#script.done && this.#outbox.rows.size === 0)
  }

  restart({ forgetAcks = 0 }: { readonly forgetAcks?: number } = {}): void {
    this.#sender.endAll()
    this.#outbox.restart(this.options.ackFlushMs ?? ACK_FLUSH_MS, forgetAcks)
    this.#fill()
    this.changes.notify()
  }

  faultAt(attempt: number): ConnectFault | undefined {
    return this.faults.onConnect(attempt, this.sent)
  }

  onConnection(
    attempt: FakeAttempt,
    ws: WebSocket,
    socket: Socket,
    fault: ConnectFault | undefined,
  ): void {
    const connection = new TapConnection(attempt, this.connections.length + 1, ws, socket, this)
    this.list.add(connection)
    if (fault?.do === 'accept-and-drop') {
      connection.end(fault.code, fault.reason)
      return
    }
    this.#sender.add(connection)
    this.#sender.pump()
  }

  onMessage(connection: TapConnection, text: string): void {
    const message = readClientMessage(text)
    if (message === 'malformed') connection.end()
    else if (message !== 'ignored' && !this.options.disableAcks)
      this.#acked(connection, message.ack)
    this.changes.notify()
  }

  /**
   * Without acks a row is done when its write succeeds. A row whose write fails stays, and is never
   * sent again.
   */
  onWritten(rows: readonly TapRow[]): void {
    if (!this.options.disableAcks) return
    for (const row of rows) if (this.#outbox.rows.get(row.id) === row) this.#delete(row.id)
    this.changes.notify()
  }

  onDrain(): void {
    this.#sender.schedule()
  }

  onEnd(connection: TapConnection): void {
    this.#sender.remove(connection)
    this.list.addEnded(connection)
    this.#sender.pump()
  }

  protected override stop(): void {
    clearInterval(this.#ticker)
  }

  #acked(connection: TapConnection, id: number): void {
    const stray = !connection.wasSent(id)
    this.acks.push({
      id,
      connection: connection.number,
      delivery: this.#delete(id)?.deliveries,
      stray,
    })
  }

  #delete(id: number): TapRow | undefined {
    const row = this.#outbox.ack(id)
    if (row === undefined) return undefined
    this.#fill()
    this.#sender.schedule()
    return row
  }

  #redeliver(olderThanMs: number): number {
    if (this.options.disableAcks) return 0
    const copies = this.#outbox.redeliver(olderThanMs)
    this.#sender.pump()
    return copies
  }

  #fill(): void {
    const { capacity = 100_000 } = this.options
    while (this.#outbox.rows.size < capacity) {
      const item = this.#script.next((id) => !this.#outbox.rows.has(id))
      if (item === undefined) return
      this.#add(item)
    }
  }

  #add(item: FakeTapItem): TapRow {
    this.#tracker.track(item)
    return this.#outbox.add(item)
  }
}
