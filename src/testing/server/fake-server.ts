import { Changes } from './changes.js'
import { ConnectionList } from './connection-list.js'
import type { FakeAttempt, FakeConnection } from './fake-connection.js'
import type { FaultPlan, FiredFault } from './faults.js'

/** The part of a listener that every fake server shows. */
interface ListenerView {
  readonly port: number
  readonly host: string
  readonly attempts: readonly FakeAttempt[]
  close(): Promise<void>
}

/**
 * What all fake servers with a WebSocket share: the listener, the connections, the faults and the
 * end.
 */
export abstract class FakeServer<C extends FakeConnection> implements AsyncDisposable {
  abstract readonly faults: FaultPlan
  abstract readonly sent: number
  readonly changes = new Changes()
  protected abstract readonly listener: ListenerView
  /** The noun for what it sends, for messages. */
  protected abstract readonly items: string
  protected readonly list = new ConnectionList<C>(this.changes)
  #closing: Promise<void> | undefined

  get port(): number {
    return this.listener.port
  }

  get host(): string {
    return this.listener.host
  }

  get attempts(): readonly FakeAttempt[] {
    return this.listener.attempts
  }

  get connections(): readonly FakeConnection[] {
    return this.list.all
  }

  get fired(): readonly FiredFault[] {
    return this.faults.fired
  }

  connected(n = 1): Promise<FakeConnection> {
    return this.list.connected(n)
  }

  closed(n = 1): Promise<FakeConnection> {
    return this.list.closed(n)
  }

  when(holds: () => boolean): Promise<void> {
    return this.changes.when(holds)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Stops timers and readers, before the listener closes. */
  protected abstract stop(): void

  async #close(): Promise<void> {
    this.stop()
    await this.listener.close()
    this.list.complete()
    const { missing } = this.faults
    const after = `after ${this.sent} ${this.items} over ${this.connections.length} connections`
    if (missing.length > 0)
      throw new Error(`faults that never happened, ${after}:\n  ${missing.join('\n  ')}`)
  }
}
