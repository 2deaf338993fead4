import type { CursorProtocol } from '../../connection/protocol.js'
import { Redial } from '../../connection/redial.js'
import { WireError } from '../../errors.js'
import type { JetstreamEvent } from './events.js'
import type { JetstreamFilters } from './filters.js'
import { V1_PATH, v1, type WireOptions } from './v1.js'
import { V2_PATH, v2 } from './v2.js'

export type Wire = 'v1' | 'v2'

/** The wire that a URL's path names; `undefined` for a bare host. Throws for a path that is no endpoint. */
export function wireOfPath(host: string): Wire | undefined {
  const { pathname } = new URL(host)
  if (pathname === '/') return undefined
  if (pathname.endsWith(V1_PATH)) return 'v1'
  if (pathname.includes('/xrpc/')) return 'v2'
  throw new Error(`has a path that is no endpoint: ${pathname}; write the host alone, or a URL that ends in ${V1_PATH} or ${V2_PATH}`)
}

/** Speaks to hosts on the wire that was asked for, or on v2 until a handshake shows that a host has only v1: that is remembered. */
export class Wires {
  readonly #known = new Map<string, Wire>()
  readonly #opened = new Set<Wire>()

  constructor(
    private readonly asked: Wire | 'auto',
    private readonly options: WireOptions,
  ) {}

  protocol(host: string, filters: JetstreamFilters): CursorProtocol<JetstreamEvent> {
    const wire = wireOfPath(host) ?? (this.asked === 'auto' ? (this.#known.get(host) ?? 'v2') : this.asked)
    return wire === 'v1' ? this.#v1(host, filters) : this.#v2(host, filters)
  }

  #v1(host: string, filters: JetstreamFilters): CursorProtocol<JetstreamEvent> {
    const protocol = v1(endpoint(host, V1_PATH), filters, this.options)
    return { ...protocol, hello: (request) => this.#hello('v1') ?? protocol.hello?.(request) }
  }

  #v2(host: string, filters: JetstreamFilters): CursorProtocol<JetstreamEvent> {
    const protocol = v2(endpoint(host, V2_PATH), filters, this.options)
    return {
      ...protocol,
      hello: () => this.#hello('v2'),
      refused: (error) => (error.status === 404 || error.status === 501 ? this.#lacksV2(host) : protocol.refused?.(error)),
    }
  }

  /** An open connection proves the wire. Says nothing to the server. */
  #hello(wire: Wire): undefined {
    this.#opened.add(wire)
  }

  #lacksV2(host: string): Redial | WireError {
    if (this.asked !== 'auto' || wireOfPath(host) !== undefined)
      return new WireError(`${host} has no wire v2; set \`wire: 'v1'\` for a legacy server`)
    if (this.#opened.has('v2')) {
      return new WireError(`${host} has no wire v2, which another of the hosts speaks; list servers of one kind, or set \`wire: 'v1'\``)
    }
    this.#known.set(host, 'v1')
    return new Redial(`${host} has no wire v2`)
  }
}

function endpoint(host: string, path: string): string {
  const url = new URL(host)
  if (url.pathname === '/') url.pathname = path
  return url.href
}
