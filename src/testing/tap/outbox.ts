import { Ring } from '../../internal/ring.js'
import { type Frame, FrameStore } from '../wire/frame-store.js'
import { type FakeTapItem, tapFrame } from './frame.js'

/** An event that the server keeps until it is acked. */
export class TapRow {
  /** How often it was sent. */
  deliveries = 0
  /** The time at which it entered the send queue; `undefined` while it is not in flight. */
  since: number | undefined

  constructor(
    readonly id: number,
    readonly did: string,
    readonly live: boolean,
    readonly bytes: Frame,
  ) {}

  /** The text sent. */
  get frame(): string {
    return this.bytes.slab.toString('utf8', this.bytes.payload, this.bytes.end)
  }

  get inFlight(): boolean {
    return this.since !== undefined
  }
}

/** The events of one repository that are not acked. */
interface RepoLane {
  readonly waiting: Ring<TapRow>
  /** The first row that waits. */
  head: TapRow | undefined
  inFlight: number
  /** A live event is in flight: nothing may be sent beside it. */
  barrier: boolean
}

interface AckedRow {
  readonly row: TapRow
  readonly at: number
}

/** 10,000 times TAP_OUTBOX_PARALLELISM, which is 1. */
const SEND_QUEUE = 10_000
/** A Tap deletes so many acked rows at once: a crash forgets fewer. */
const FLUSH_BATCH = 1_000

/**
 * Decides which event may be sent when: indigo's outbox without its sockets. Rows enter in order.
 * Each repository is a lane, in which a live event travels alone and all others together. What a
 * lane releases waits in one send queue for any client.
 */
export class TapOutbox {
  /** What is not acked, by id. */
  readonly rows = new Map<number, TapRow>()
  /** How many events were acked; repeats and unknown ids do not count. */
  acked = 0
  readonly #store = new FrameStore()
  readonly #lanes = new Map<string, RepoLane>()
  /** Rows that wait for a lane, since the send queue is full. */
  readonly #entering = new Ring<TapRow>()
  readonly #sendQueue = new Ring<TapRow>()
  #lastAcked: AckedRow[] = []
  #lastId = 0

  /** Whether {@link take} returns a row. */
  get ready(): boolean {
    return this.#sendQueue.size > 0
  }

  add(item: FakeTapItem): TapRow {
    const { id, did, live, text } = tapFrame(item, this.#lastId + 1)
    const row = new TapRow(id, did, live, this.#store.add(text))
    this.#lastId = id
    this.rows.set(id, row)
    this.#enter(row)
    return row
  }

  /** The next row to send. */
  take(): TapRow | undefined {
    const row = this.#sendQueue.shift()
    this.#admit()
    return row
  }

  /**
   * Deletes a row and returns it: any row, even one that was never sent. A copy in the send queue
   * is still sent.
   */
  ack(id: number): TapRow | undefined {
    const row = this.rows.get(id)
    if (row === undefined) return undefined
    this.rows.delete(id)
    this.acked++
    this.#keep(row)
    const lane = this.#lanes.get(row.did)
    if (lane && row.inFlight) this.#release(lane, row)
    return row
  }

  /**
   * What the ticker does: one more copy of everything in flight for longer than `olderThanMs`.
   * Returns how many there were.
   */
  redeliver(olderThanMs: number): number {
    const before = performance.now() - olderThanMs
    let copies = 0
    for (const row of this.rows.values()) {
      if (this.#sendQueue.size >= SEND_QUEUE) break
      if (row.since === undefined || row.since > before) continue
      this.#sendQueue.push(row)
      copies++
    }
    return copies
  }

  /**
   * A new process on the same database. It forgets the acks of the last `ackFlushMs` and the newest
   * `forgetAcks`; ids go on after the highest that is left.
   */
  restart(ackFlushMs: number, forgetAcks: number): void {
    const left = [...this.rows.values(), ...this.#forgotten(ackFlushMs, forgetAcks)].sort(
      (a, b) => a.id - b.id,
    )
    this.#lastAcked = []
    this.#lanes.clear()
    while (this.#sendQueue.shift()) {}
    while (this.#entering.shift()) {}
    this.rows.clear()
    for (const row of left) this.rows.set(row.id, row)
    // The counter is set to the id after the last, and is incremented before it is used.
    const last = left.at(-1)
    this.#lastId = last === undefined ? 0 : last.id + 1
    for (const row of left) {
      row.since = undefined
      this.#enter(row)
    }
  }

  #enter(row: TapRow): void {
    this.#entering.push(row)
    this.#admit()
  }

  #admit(): void {
    while (this.#entering.size > 0 && this.#sendQueue.size < SEND_QUEUE) {
      const row = this.#entering.shift()
      if (row && this.#isUnacked(row)) this.#queue(row)
    }
  }

  #isUnacked(row: TapRow): boolean {
    return this.rows.get(row.id) === row
  }

  #queue(row: TapRow): void {
    const lane = this.#laneOf(row.did)
    lane.waiting.push(row)
    this.#advance(lane)
  }

  #laneOf(did: string): RepoLane {
    let lane = this.#lanes.get(did)
    if (lane === undefined) {
      lane = { waiting: new Ring(), head: undefined, inFlight: 0, barrier: false }
      this.#lanes.set(did, lane)
    }
    return lane
  }

  #advance(lane: RepoLane): void {
    while (!lane.barrier) {
      lane.head ??= lane.waiting.shift()
      const row = lane.head
      if (row === undefined) return
      if (this.#isUnacked(row)) {
        if (row.live && lane.inFlight > 0) return
        this.#send(lane, row)
      }
      lane.head = undefined
    }
  }

  #send(lane: RepoLane, row: TapRow): void {
    lane.barrier = row.live
    lane.inFlight++
    row.since = performance.now()
    this.#sendQueue.push(row)
  }

  #release(lane: RepoLane, row: TapRow): void {
    row.since = undefined
    lane.inFlight--
    if (lane.inFlight === 0) lane.barrier = false
    this.#advance(lane)
    if (lane.inFlight === 0 && lane.head === undefined) this.#lanes.delete(row.did)
  }

  #keep(row: TapRow): void {
    this.#lastAcked.push({ row, at: performance.now() })
    if (this.#lastAcked.length >= 2 * FLUSH_BATCH) this.#lastAcked.splice(0, FLUSH_BATCH)
  }

  #forgotten(ackFlushMs: number, forgetAcks: number): TapRow[] {
    const after = performance.now() - ackFlushMs
    const newest = this.#lastAcked.slice(-FLUSH_BATCH)
    return newest
      .filter(({ at }, index) => at > after || index >= newest.length - forgetAcks)
      .map(({ row }) => row)
  }
}
