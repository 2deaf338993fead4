import type { Changes } from '../server/changes.js'
import type { FaultPlan } from '../server/faults.js'
import type { TapConnection } from './connection.js'
import type { FakeTapDelivery } from './contract.js'
import type { TapEventFault } from './faults.js'
import type { TapOutbox, TapRow } from './outbox.js'

/** Sends what the outbox releases to the clients in turn, and applies faults in between. */
export class TapSender {
  /** Event frames, over all connections. */
  sent = 0
  readonly delivered: FakeTapDelivery[] = []
  #open: TapConnection[] = []
  #turn = 0
  /** The connection that was sent the last frame: a fault that counts frames applies to it. */
  #last: TapConnection | undefined
  /** A fault waits until everything sent before it has left. */
  #faultPending = false
  #scheduled = false

  constructor(
    private readonly outbox: TapOutbox,
    private readonly faults: FaultPlan,
    private readonly changes: Changes,
  ) {}

  add(connection: TapConnection): void {
    this.#open.push(connection)
  }

  remove(connection: TapConnection): void {
    this.#open = this.#open.filter((other) => other !== connection)
  }

  endAll(): void {
    for (const connection of this.#open) connection.end()
  }

  /** Sends in the next turn: a hundred acks in one packet cause one write, not a hundred. */
  schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.pump()
    })
  }

  pump(): void {
    if (this.#faultPending) return
    const fed = new Set<TapConnection>()
    for (let room = this.faults.room(this.sent); room > 0 && this.outbox.ready; room--) {
      const connection = this.#next()
      if (connection === undefined) break
      fed.add(connection)
      this.#send(connection)
    }
    for (const connection of fed) connection.flush()
    if (this.faults.room(this.sent) <= 0) this.#applyFault()
    this.changes.notify()
  }

  #next(): TapConnection | undefined {
    for (let tries = this.#open.length; tries > 0; tries--) {
      const connection = this.#open[this.#turn++ % this.#open.length]
      if (connection?.ready) return connection
    }
    return undefined
  }

  #send(connection: TapConnection): void {
    const row = this.outbox.take()
    if (row === undefined) return
    row.deliveries++
    this.sent++
    this.#last = connection
    this.delivered.push(new SentDelivery(row, connection.number, row.deliveries))
    connection.send(row)
  }

  #applyFault(): void {
    const connection = this.#last?.open ? this.#last : this.#next()
    if (connection === undefined) return
    this.#faultPending = true
    connection.drained(() => {
      this.#faultPending = false
      if (connection.open) this.#fire(connection)
      this.pump()
    })
  }

  #fire(connection: TapConnection): void {
    const fault = this.faults.afterEvents(this.sent, connection.attempt)
    if (fault) connection.fail(fault as TapEventFault)
  }
}

/** Keeps the row and not its text: a bench sends many. */
class SentDelivery implements FakeTapDelivery {
  readonly #row: TapRow

  constructor(
    row: TapRow,
    readonly connection: number,
    readonly delivery: number,
  ) {
    this.#row = row
  }

  get id(): number {
    return this.#row.id
  }

  get did(): string {
    return this.#row.did
  }

  get live(): boolean {
    return this.#row.live
  }

  get frame(): string {
    return this.#row.frame
  }
}
