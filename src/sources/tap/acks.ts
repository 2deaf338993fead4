import { type Observable, of, Subject, take } from 'rxjs'
import type { Outcome } from '../../delivery/delivery.js'
import type { Delivery } from '../../delivery/ledger.js'
import { BoundedSet } from '../../internal/bounded-set.js'
import type { Progress } from '../../live/progress.js'
import type { Connection } from '../../socket/socket.js'
import { Carried } from './carried.js'
import type { TapConfig } from './config.js'
import type { TapEvent } from './events.js'
import { keyOf, Work } from './work.js'

// How many creates are remembered that ended while no connection could take their ack, and how many
// acks whose copies may still arrive.
const MAX_REMEMBERED = 100_000

/**
 * Progress by acks. An ack means that the work has ended, and is sent only to the connection that
 * brought the event: a server that restarts may give the id to another event, which a stale ack
 * would destroy. An event is identified by what happened, never by its id alone.
 *
 * On one connection an event is handled once: copies of it are acked with it, or at once.
 *
 * A new connection may be to a server that has restarted. It sends again, in order, what was acked
 * in its last 10 s, by this reader or by another. So acks of earlier connections no longer count:
 * an old create that is handled again must be followed by the newer delete. For the same reason a
 * pending update, delete or identity event is handled again when it comes again: another reader may
 * have handled an older event meanwhile. Only a create, pending or ended since, is taken over,
 * since no event of its record is older, unless this reader handled an older one meanwhile.
 */
export class TapAcks implements Progress<TapEvent> {
  readonly run$: Observable<unknown> = of(undefined)
  readonly last = undefined
  readonly checkpoint = undefined
  readonly checkpointErrors = 0
  // Each event has an id of its own.
  readonly index = 0
  readonly #works = new Map<string, Work>()
  readonly #carried = new Carried()
  // Creates that ended after their connection did.
  readonly #unacked = new BoundedSet<Work>(MAX_REMEMBERED)
  // Events that were acked on this connection.
  readonly #acked = new BoundedSet<string>(MAX_REMEMBERED)
  #connection: Connection | undefined
  // Works that end with an ack on this connection.
  #pending = 0
  readonly #idle$ = new Subject<void>()

  constructor(
    private readonly ack: NonNullable<TapConfig['ack']>,
    private readonly rejectPolicy: NonNullable<TapConfig['onReject']>,
  ) {}

  /** How many events are remembered that are no longer pending. */
  get remembered(): number {
    return this.#unacked.size + this.#acked.size
  }

  /** Emits when no work is pending whose ack this connection could take. */
  get idle$(): Observable<unknown> {
    return this.#connection === undefined || this.#pending === 0
      ? of(undefined)
      : this.#idle$.pipe(take(1))
  }

  cursorFor(): undefined {}

  opened(connection: Connection): void {
    this.#connection = connection
    this.#acked.clear()
  }

  disconnected(): void {
    this.#connection = undefined
    this.#pending = 0
    for (const work of this.#works.values()) {
      work.ids = []
      if (!work.isCreate) work.isStale = true
      else if (!work.isStale) this.#expire(this.#carried.add(work))
    }
  }

  onEvent(event: TapEvent): boolean {
    if (this.ack !== 'done') {
      if (this.ack === 'receipt') this.#send(event.id)
      return true
    }
    const key = keyOf(event)
    const work = this.#works.get(key)
    if (work !== undefined) return this.#again(event, work)
    if (this.#acked.has(`${event.id} ${key}`)) {
      this.#send(event.id)
      return false
    }
    this.#begin(event)
    this.#works.set(key, new Work(key, event))
    return true
  }

  settled({ event }: Delivery<TapEvent>, outcome: Outcome): void {
    if (this.ack !== 'done') return
    const work = this.#works.get(keyOf(event))
    if (work === undefined || work.open === 0) return
    work.open -= 1
    if (outcome === 'failed') work.failed = true
    if (work.open > 0) return
    const isHere = work.ids.length > 0
    // Forgotten, so that it is handled when the server sends it again.
    if (work.failed || (!isHere && work.isStale)) this.#forget(work)
    else if (isHere) this.#finish(work)
    else this.#keepUnacked(work)
    if (isHere) this.#letGo()
  }

  onReject(_host: string, id: number): void {
    if (this.rejectPolicy === 'ack') this.#send(id)
  }

  refused(): void {}

  onControl(): void {}

  filterChanged(): void {}

  /** The connection stays open for pending acks: see `lingering`. */
  stop(): void {}

  flush(): undefined {}

  /** An event has come again whose work is not acked. */
  #again(event: TapEvent, work: Work): boolean {
    if (work.ids.length > 0) {
      work.ids.push(event.id)
      return false
    }
    this.#carried.remove(work)
    work.ids = [event.id]
    if (work.isStale) {
      this.#begin(event)
      work.open += 1
      work.isStale = false
      return true
    }
    if (work.open > 0) this.#pending += 1
    else this.#finish(work)
    return false
  }

  #begin(event: TapEvent): void {
    this.#pending += 1
    if (!this.#carried.isEmpty) this.#expire(this.#carried.undoneBy(event))
  }

  #expire(works: readonly Work[]): void {
    for (const work of works) {
      this.#carried.remove(work)
      work.isStale = true
      if (work.open === 0) this.#forget(work)
    }
  }

  #letGo(): void {
    this.#pending -= 1
    if (this.#pending === 0) this.#idle$.next()
  }

  #finish(work: Work): void {
    this.#forget(work)
    for (const id of work.ids) {
      this.#send(id)
      this.#acked.add(`${id} ${work.key}`)
    }
  }

  #forget(work: Work): void {
    this.#works.delete(work.key)
    this.#unacked.delete(work)
    this.#carried.remove(work)
  }

  #send(id: number): void {
    this.#connection?.send(JSON.stringify({ type: 'ack', id }))
  }

  #keepUnacked(work: Work): void {
    const oldest = this.#unacked.add(work)
    if (oldest !== undefined) this.#forget(oldest)
  }
}
