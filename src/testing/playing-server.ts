import type { Observable } from 'rxjs'
import { Changes } from './changes.js'
import { ConnectionList } from './connection-list.js'
import type { Door } from './door.js'
import type { FakeAttempt, FakeConnection, FakeRequest } from './fake-connection.js'
import type { FaultPlan, FiredFault } from './faults.js'
import { Playback, type Stage } from './playback.js'

/** One reader of the log that a server plays. */
export interface Listener extends FakeConnection {
  readonly idle: boolean
  pump(): void
  end(): void
}

/** What the fake servers share that play a log to whoever listens: their door, their connections, their playback, and their end. */
export abstract class PlayingServer<C extends Listener> implements Stage, AsyncDisposable {
  abstract readonly faults: FaultPlan
  abstract readonly script: Stage['script']
  readonly changes = new Changes()
  readonly requests: FakeRequest[] = []
  sent = 0
  protected abstract readonly door: Door
  /** What it sends, in the words of its kind. */
  protected abstract readonly items: string
  protected readonly list = new ConnectionList<C>(this.changes)
  protected readonly playback = new Playback(this)
  #closing: Promise<void> | undefined

  abstract get ratePerSecond(): number | undefined

  abstract room(): number

  get port(): number {
    return this.door.port
  }

  get host(): string {
    return this.door.host
  }

  get attempts(): readonly FakeAttempt[] {
    return this.door.attempts
  }

  get connections(): readonly FakeConnection[] {
    return this.list.all
  }

  get connections$(): Observable<FakeConnection> {
    return this.list.all$
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

  idle(): Promise<void> {
    return this.when(() => this.script.done && this.list.all.every((listener) => listener.idle))
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

  pull(): boolean {
    return this.playback.pull()
  }

  grown(): void {
    for (const listener of this.list.open) listener.pump()
    this.changes.changed()
  }

  async #close(): Promise<void> {
    this.playback.stop()
    for (const listener of this.list.open) listener.end()
    await this.door.close()
    this.list.complete()
    const { missing } = this.faults
    const after = `after ${this.sent} ${this.items} over ${this.connections.length} connections`
    if (missing.length > 0) throw new Error(`faults that never happened, ${after}:\n  ${missing.join('\n  ')}`)
  }
}
