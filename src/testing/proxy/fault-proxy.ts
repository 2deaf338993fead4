import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { count, delay } from '../../options/pieces.js'
import { Changes } from '../server/changes.js'
import { checkTimers } from '../server/check-timers.js'
import type { FaultProxy, FaultProxyOptions, FiredProxyFault, ProxyFaults } from './contract.js'
import { ProxyFlow, type ProxyRules } from './flow.js'

/**
 * Starts a TCP proxy in front of a server, to do to a connection what only a network can: delay,
 * starve, slice, cut or reset it, or leave it half-open. Faults are counted in bytes from the
 * target, the handshake included.
 *
 * **Errors**: rejects with `ConfigError` for a time that no timer can wait; `set` throws it.
 *
 * @example
 * await using server = await fakeJetstream({ events: 10_000 })
 * await using proxy = await faultProxy({ target: server.url, resetAfterBytes: 100_000 })
 * const count$ = jetstream$({ host: proxy.url }).pipe(take(10_000), count())
 */
export async function faultProxy({ target, ...faults }: FaultProxyOptions): Promise<FaultProxy> {
  const { port, pathname } = new URL(
    typeof target === 'number' ? `ws://127.0.0.1:${target}` : target,
  )
  const proxy = new TcpProxy(Number(port), pathname === '/' ? '' : pathname, faults)
  await proxy.listen()
  return proxy
}

class TcpProxy implements FaultProxy, ProxyRules {
  readonly fired: FiredProxyFault[] = []
  accepted = 0
  bytesDown = 0
  bytesUp = 0
  faults: ProxyFaults
  readonly #changes = new Changes()
  readonly #clients = new Set<Socket>()
  readonly #sockets = new Set<Socket>()
  readonly #flows = new Set<ProxyFlow>()
  readonly #server: Server
  /** Every fault that was ever set, for the check at the end. */
  readonly #wanted = new Set<FiredProxyFault>()

  constructor(
    readonly target: number,
    readonly path: string,
    faults: ProxyFaults,
  ) {
    this.faults = {}
    // Ends are forwarded explicitly, since a half-open connection forwards none.
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client))
    this.set(faults)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}${this.path}`
  }

  get open(): number {
    return this.#clients.size
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      this.#server.once('error', reject).listen(0, '127.0.0.1', resolve),
    )
  }

  set(faults: ProxyFaults): void {
    const { latencyMs, slice, bandwidth } = faults
    checkTimers('faultProxy', delay, { latencyMs, 'slice.delayMs': slice?.delayMs })
    // A timer waits for the line to be free again.
    checkTimers('faultProxy', count, { bandwidth })
    this.faults = { ...this.faults, ...faults }
    for (const name of endings(this.faults)) this.#wanted.add(name)
    for (const flow of this.#flows) flow.run()
  }

  when(holds: () => boolean): Promise<void> {
    return this.#changes.when(holds)
  }

  fire(fault: FiredProxyFault): void {
    this.fired.push(fault)
    this.#changes.notify()
  }

  onBytes(bytes: number, direction: 'up' | 'down'): void {
    if (direction === 'down') this.bytesDown += bytes
    else this.bytesUp += bytes
    this.#changes.notify()
  }

  async close(): Promise<void> {
    for (const flow of this.#flows) flow.stop()
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
    const missing = [...this.#wanted].filter((name) => !this.fired.includes(name))
    if (missing.length > 0)
      throw new Error(`faults of the proxy that never happened: ${missing.join(', ')}`)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #accept(client: Socket): void {
    this.accepted++
    this.#track(client)
    this.#clients.add(client)
    if (this.faults.blackhole) this.fire('blackhole')
    else
      this.#join(
        client,
        this.#track(connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true })),
      )
    this.#changes.notify()
  }

  #track(socket: Socket): Socket {
    this.#sockets.add(socket)
    return socket.on('error', () => undefined).on('close', () => this.#forget(socket))
  }

  #forget(socket: Socket): void {
    this.#sockets.delete(socket)
    this.#clients.delete(socket)
    this.#changes.notify()
  }

  #join(client: Socket, target: Socket): void {
    for (const flow of [
      new ProxyFlow(client, target, 'up', this),
      new ProxyFlow(target, client, 'down', this),
    ]) {
      this.#flows.add(flow)
      flow.to.on('close', () => this.#flows.delete(flow))
    }
  }
}

/** Faults that end or cut a connection must have happened; a delay cannot fail to. */
function endings({
  limitBytes,
  resetAfterBytes,
  halfOpen,
  blackhole,
}: ProxyFaults): FiredProxyFault[] {
  const set = {
    limit: Number.isFinite(limitBytes),
    reset: Number.isFinite(resetAfterBytes),
    halfOpen,
    blackhole,
  }
  return (['limit', 'reset', 'halfOpen', 'blackhole'] as const).filter((name) => set[name])
}
