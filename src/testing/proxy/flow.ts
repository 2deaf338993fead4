import type { Socket } from 'node:net'
import { reset } from '../server/tcp-reset.js'
import type { FiredProxyFault, ProxyFaults } from './contract.js'

/** What a flow needs from its proxy. */
export interface ProxyRules {
  readonly faults: ProxyFaults
  fire(fault: FiredProxyFault): void
  onBytes(bytes: number, direction: 'up' | 'down'): void
}

interface WaitingBytes {
  readonly bytes: Buffer
  readonly arrivedAt: number
}

/** How many bytes may wait in the proxy before it stops reading. */
const HELD_BYTES = 256 * 1024

/** One direction of one connection: bytes wait for their time, then are forwarded in pieces. */
export class ProxyFlow {
  readonly #pieces: WaitingBytes[] = []
  readonly #fired = new Set<FiredProxyFault>()
  #held = 0
  #passed = 0
  #state: 'running' | 'waiting' | 'ended' = 'running'
  /** The sender has ended: the end is forwarded after the last piece. */
  #over = false
  #timer: NodeJS.Timeout | undefined

  constructor(
    readonly from: Socket,
    readonly to: Socket,
    readonly direction: 'up' | 'down',
    readonly rules: ProxyRules,
  ) {
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    from.on('end', () => this.#finish())
    from.on('close', () => this.#finish())
    to.on('close', () => this.#abandon())
    this.run()
  }

  /** Forwards what is due. Called again when the rules change. */
  run(): void {
    if (this.#state === 'ended') return
    if (this.rules.faults.halfOpen) {
      this.#freeze()
      return
    }
    if (this.#held < HELD_BYTES) this.from.resume()
    while (this.#state === 'running' && this.#pieces.length > 0 && !this.#later()) this.#forward()
    if (this.#over && this.#pieces.length === 0) this.#pass(() => this.to.end())
  }

  stop(): void {
    this.#state = 'ended'
    clearTimeout(this.#timer)
  }

  #take(bytes: Buffer): void {
    this.#pieces.push({ bytes, arrivedAt: performance.now() })
    this.#held += bytes.length
    if (this.#held >= HELD_BYTES) this.from.pause()
    this.run()
  }

  #finish(): void {
    this.#over = true
    this.run()
  }

  /** The receiver has gone. */
  #abandon(): void {
    if (this.rules.faults.halfOpen) return
    this.stop()
    this.from.destroy()
  }

  /** A socket that is not read does not see its end either. */
  #freeze(): void {
    this.from.pause()
    this.#once('halfOpen')
  }

  /** Whether the next piece must wait for its latency. */
  #later(): boolean {
    const { latencyMs = 0 } = this.rules.faults
    const waitMs = (this.#pieces[0]?.arrivedAt ?? 0) + latencyMs - performance.now()
    if (latencyMs === 0 || waitMs <= 0) return false
    this.#once('latency')
    this.#wait(waitMs)
    return true
  }

  #forward(): void {
    const bytes = this.#next()
    this.#held -= bytes.length
    this.#passed += bytes.length
    this.to.write(bytes)
    this.rules.onBytes(bytes.length, this.direction)
    const ending = this.direction === 'down' ? this.#ending() : undefined
    if (ending) this.#cut(ending)
    else this.#rest(bytes.length)
  }

  /** As much of the first piece as one step may carry. */
  #next(): Buffer {
    const piece = this.#pieces.shift()
    if (piece === undefined) return Buffer.alloc(0)
    const most = this.direction === 'down' ? this.#step() : piece.bytes.length
    if (most < piece.bytes.length)
      this.#pieces.unshift({ ...piece, bytes: piece.bytes.subarray(most) })
    return piece.bytes.subarray(0, most)
  }

  #step(): number {
    const { slice, bandwidth, limitBytes, resetAfterBytes } = this.rules.faults
    const left =
      Math.min(
        limitBytes ?? Number.POSITIVE_INFINITY,
        resetAfterBytes ?? Number.POSITIVE_INFINITY,
      ) - this.#passed
    // Ten steps a second are even enough.
    return Math.max(
      1,
      Math.ceil(
        Math.min(
          left,
          slice?.bytes ?? Number.POSITIVE_INFINITY,
          (bandwidth ?? Number.POSITIVE_INFINITY) / 10,
        ),
      ),
    )
  }

  #ending(): 'reset' | 'limit' | undefined {
    const { limitBytes = Number.POSITIVE_INFINITY, resetAfterBytes = Number.POSITIVE_INFINITY } =
      this.rules.faults
    if (this.#passed >= resetAfterBytes) return 'reset'
    return this.#passed >= limitBytes ? 'limit' : undefined
  }

  /** Waits until the line or the receiver takes more: backpressure goes through the proxy. */
  #rest(bytes: number): void {
    const waitMs = this.direction === 'down' ? this.#paused(bytes) : 0
    if (waitMs > 0) this.#wait(waitMs)
    else if (this.to.writableNeedDrain) this.#drain()
  }

  #paused(bytes: number): number {
    const { slice, bandwidth = Number.POSITIVE_INFINITY } = this.rules.faults
    if (slice) this.#once('slice')
    if (bandwidth !== Number.POSITIVE_INFINITY) this.#once('bandwidth')
    return Math.max(slice?.delayMs ?? 0, (1000 * bytes) / bandwidth)
  }

  #drain(): void {
    this.#state = 'waiting'
    this.to.once('drain', () => this.#awake())
  }

  #wait(ms: number): void {
    this.#state = 'waiting'
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#awake(), ms)
  }

  #awake(): void {
    if (this.#state === 'ended') return
    this.#state = 'running'
    this.run()
  }

  #cut(how: 'reset' | 'limit'): void {
    this.#once(how)
    this.#pass(() => (how === 'reset' ? reset(this.to) : this.to.end()))
    this.from.destroy()
  }

  #pass(ending: () => void): void {
    this.stop()
    ending()
  }

  #once(fault: FiredProxyFault): void {
    if (this.#fired.has(fault)) return
    this.#fired.add(fault)
    this.rules.fire(fault)
  }
}
