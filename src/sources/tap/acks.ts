import { type Observable, of, Subject, take } from 'rxjs'
import type { Outcome } from '../../connection/delivery.js'
import type { Delivery } from '../../connection/ledger.js'
import type { Progress } from '../../connection/progress.js'
import type { Connection } from '../../socket/socket.js'
import type { TapConfig } from './config.js'
import type { TapEvent } from './events.js'

// How much is remembered of work that ended while no connection could take its ack, and of acks that a crashed server may forget.
const MAX_REMEMBERED = 100_000

/** One event's work, from its first delivery until it is acked. */
interface Work {
  /** The ids under which this connection brought it, once for each copy: only here may they be acked. */
  ids: number[]
  ended: boolean
}

/**
 * Progress by acks. An ack means that the work has ended, and goes only to the connection that brought the event: a server that restarts may give
 * its id to another event, which a stale ack would destroy. So what ends after a disconnect is acked when the server sends it again, at once;
 * copies of what is in hand are acked with it. An event is known by what happened, never by its id alone.
 */
export class Acks implements Progress<TapEvent> {
  readonly run$: Observable<unknown> = of(undefined)
  readonly last = undefined
  readonly checkpoint = undefined
  readonly checkpointErrors = 0
  // Ids are its own.
  readonly index = 0
  readonly #works = new Map<string, Work>()
  // Works that ended after their connection did, oldest first.
  readonly #unacked = new Set<string>()
  readonly #acked = new Set<string>()
  #connection: Connection | undefined
  // Works that end with an ack on this connection.
  #inHand = 0
  readonly #idle$ = new Subject<void>()

  constructor(
    private readonly ack: NonNullable<TapConfig['ack']>,
    private readonly onReject: NonNullable<TapConfig['onReject']>,
  ) {}

  /** How many events are remembered that are not in hand any more. */
  get remembered(): number {
    return this.#unacked.size + this.#acked.size
  }

  /** Yields when nothing is worked on whose ack this connection could take. */
  get idle$(): Observable<unknown> {
    return this.#connection === undefined || this.#inHand === 0 ? of(undefined) : this.#idle$.pipe(take(1))
  }

  cursorFor(): undefined {}

  opened(connection: Connection): void {
    this.#connection = connection
  }

  disconnected(): void {
    this.#connection = undefined
    this.#inHand = 0
    for (const work of this.#works.values()) work.ids = []
  }

  admit(event: TapEvent): boolean {
    if (this.ack !== 'done') {
      if (this.ack === 'receipt') this.#send(event.id)
      return true
    }
    const key = keyOf(event)
    const work = this.#works.get(key)
    if (work !== undefined) return this.#copy(event, key, work)
    if (this.#acked.has(`${event.id} ${key}`)) {
      this.#send(event.id)
      return false
    }
    this.#works.set(key, { ids: [event.id], ended: false })
    this.#inHand += 1
    return true
  }

  settled({ event }: Delivery<TapEvent>, outcome: Outcome): void {
    if (this.ack !== 'done') return
    const key = keyOf(event)
    const work = this.#works.get(key)
    if (work === undefined) return
    const acked = work.ids.length > 0
    // Forgotten, so that it is handled when the server sends it again.
    if (outcome === 'failed') this.#works.delete(key)
    else if (acked) this.#finish(key, work)
    else {
      work.ended = true
      this.#remember(this.#unacked, key, (oldest) => this.#works.delete(oldest))
    }
    if (acked) this.#letGo()
  }

  passed(_host: string, id: number): void {
    if (this.onReject === 'ack') this.#send(id)
  }

  refused(): void {}

  told(): void {}

  filterChanged(): void {}

  /** The connection stays as long as it is needed: see `lingering`. */
  stop(): void {}

  flush(): undefined {}

  #copy(event: TapEvent, key: string, work: Work): boolean {
    // In hand from an earlier connection.
    if (work.ids.length === 0 && !work.ended) this.#inHand += 1
    work.ids.push(event.id)
    if (work.ended) {
      this.#unacked.delete(key)
      this.#finish(key, work)
    }
    return false
  }

  #letGo(): void {
    this.#inHand -= 1
    if (this.#inHand === 0) this.#idle$.next()
  }

  #finish(key: string, work: Work): void {
    this.#works.delete(key)
    for (const id of work.ids) {
      this.#send(id)
      this.#remember(this.#acked, `${id} ${key}`, () => {})
    }
  }

  #send(id: number): void {
    this.#connection?.send(JSON.stringify({ type: 'ack', id }))
  }

  #remember(keys: Set<string>, key: string, forget: (oldest: string) => void): void {
    keys.add(key)
    if (keys.size <= MAX_REMEMBERED) return
    for (const oldest of keys) {
      keys.delete(oldest)
      forget(oldest)
      return
    }
  }
}

/** What happened. An identity event has no revision: two of equal content are told apart by their id. */
function keyOf(event: TapEvent): string {
  if (event.type === 'record') return `${event.did} ${event.collection} ${event.rkey} ${event.rev} ${event.action}`
  return `${event.did} ${event.id} ${event.handle} ${event.isActive} ${event.status}`
}
