/**
 * What a {@link faultProxy} does to the connections that go through it. All of it can be changed
 * while the proxy runs.
 */
export interface ProxyFaults {
  /**
   * Every byte comes so much later, both ways.
   * @default 0
   */
  readonly latencyMs?: number
  /**
   * Bytes a second from the target to the client.
   * @default Infinity
   */
  readonly bandwidth?: number
  /**
   * Bytes from the target come in slices of so many `bytes`, `delayMs` apart.
   * @default none
   */
  readonly slice?: { readonly bytes: number; readonly delayMs: number } | undefined
  /**
   * After so many bytes from the target a connection ends (FIN). Counted for each connection.
   * @default Infinity
   */
  readonly limitBytes?: number
  /**
   * After so many bytes from the target a connection is reset (RST). Counted for each connection.
   * @default Infinity
   */
  readonly resetAfterBytes?: number
  /**
   * Nothing is forwarded either way and no end is passed on, while both sockets stay open: a cable
   * that is cut.
   * @default false
   */
  readonly halfOpen?: boolean
  /**
   * New connections are accepted and led nowhere.
   * @default false
   */
  readonly blackhole?: boolean
}

/** The faults whose effect a proxy reports. */
export type FiredProxyFault =
  | 'latency'
  | 'bandwidth'
  | 'slice'
  | 'limit'
  | 'reset'
  | 'halfOpen'
  | 'blackhole'

/** Where the proxy leads. */
export interface FaultProxyOptions extends ProxyFaults {
  /** A URL (`ws://127.0.0.1:1234`) or a port of this machine. */
  readonly target: string | number
}

/** A TCP proxy on this machine's loopback. Made by {@link faultProxy}. */
export interface FaultProxy extends AsyncDisposable {
  /** `ws://127.0.0.1:PORT`, with the target's path. */
  readonly url: string
  readonly port: number
  /** Each fault that took effect, once for every connection it met. */
  readonly fired: readonly FiredProxyFault[]
  /** How many connections were accepted. */
  readonly accepted: number
  /** How many connections of clients are open. */
  readonly open: number
  /** Bytes passed on from the target to clients. */
  readonly bytesDown: number
  /** Bytes passed on from clients to the target. */
  readonly bytesUp: number
  /**
   * Changes some of the faults, also for the connections that are open; `blackhole` for new ones
   * only.
   */
  set(faults: ProxyFaults): void
  /**
   * Resolves when the condition holds; asked again at each connection, end, fault and piece of
   * data.
   */
  when(holds: () => boolean): Promise<void>
  /**
   * Ends every connection, and rejects if a fault that ends or cuts a connection was set and never
   * met one. Also what `await using` calls.
   */
  close(): Promise<void>
}
