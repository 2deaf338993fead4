import { wireV1 } from '#jetstream'
import { ConnectError, RefusedError, type StreamError, WireError } from '../../errors.js'
import type { Log } from '../../internal/log.js'
import { ProbeEnded, Redial } from '../../live/protocol.js'
import { type Compression, type Compressions, PLAIN } from './compression.js'
import type { JetstreamProtocol } from './decoding.js'
import type { JetstreamFilters } from './filters.js'
import { isLongForV2, misfitOfV2, V2_PATH, v2 } from './v2.js'
import { V1_PATH, type WireOptions } from './wire-options.js'

export type Wire = 'v1' | 'v2'

// Such a server accepts the request but not the subprotocol: it would be dialled for ever.
const READERS = [
  ['/com.atproto.sync.subscribeRepos', 'firehose$'],
  ['/com.atproto.label.subscribeLabels', 'labels$'],
] as const

/**
 * Returns the wire that a URL's path names; `undefined` for a bare host. Throws if the path is no
 * endpoint.
 */
export function wireOfPath(host: string): Wire | undefined {
  const { pathname } = new URL(host)
  if (pathname === '/') return undefined
  if (pathname.endsWith(V1_PATH)) return 'v1'
  const reader = READERS.find(([path]) => pathname.endsWith(path))?.[1]
  if (reader !== undefined)
    throw new Error(`is the endpoint of another stream: ${pathname}; read it with \`${reader}\``)
  if (pathname.includes('/xrpc/')) return 'v2'
  throw new Error(
    `has a path that is no endpoint: ${pathname}; write the host alone, ` +
      `or a URL that ends in ${V1_PATH} or ${V2_PATH}`,
  )
}

/**
 * Chooses the wire for each host: the one that was asked for, or v2 until a handshake shows that
 * the host has only v1. That is remembered.
 */
export class WireNegotiation {
  readonly #known = new Map<string, Wire>()
  // What was ever open, by host. A 404 there is not about the wire.
  readonly #served = new Map<string, Wire>()
  readonly #opened = new Set<Wire>()
  // Filters were too long for the URL of wire v2, which has no other place for them. From then on
  // wire v1 is spoken: a change back and forth would ask for events by time, and repeat some.
  #isLong = false
  // A proxy refused the URL of wire v1, too.
  #alwaysSaysHello = false
  // Hosts of which the log says that they have no sync events.
  readonly #withoutSync = new Set<string>()

  constructor(
    private readonly asked: Wire | 'auto',
    private readonly compressions: Compressions,
    private readonly options: Omit<WireOptions, 'compression'>,
    private readonly log: Log,
  ) {}

  /** Returns the protocol for `host`; a promise if something has to be loaded first. */
  protocol(
    host: string,
    filters: JetstreamFilters,
  ): JetstreamProtocol | Promise<JetstreamProtocol> {
    const wire = this.#wireFor(host, filters)
    const { loaded } = wireV1
    if (wire === 'v1' && loaded === undefined)
      return wireV1.load().then(() => this.protocol(host, filters))
    const compression = this.compressions[wire](host)
    const made = (ready: Compression) =>
      wire === 'v1' && loaded !== undefined
        ? this.#v1(loaded.v1, host, filters, ready)
        : this.#v2(host, filters, ready)
    if (!(compression instanceof Promise)) return made(compression)
    const isProven = wire === 'v1' || !this.#chooses(host) || this.#known.has(host)
    return compression.then(made, (error: StreamError) => {
      if (isProven || !error.retryable) throw error
      return this.#probe(host, filters, error)
    })
  }

  #wireFor(host: string, filters: JetstreamFilters): Wire {
    if (!this.#chooses(host)) return wireOfPath(host) ?? (this.asked === 'v1' ? 'v1' : 'v2')
    this.#isLong ||= isLongForV2(filters)
    if (this.#isLong || misfitOfV2(filters) !== undefined) return 'v1'
    return this.#known.get(host) ?? 'v2'
  }

  /** Whether neither the config nor the URL says which wire. */
  #chooses(host: string): boolean {
    return this.asked === 'auto' && wireOfPath(host) === undefined
  }

  /**
   * A server without a dictionary may be one without v2: its handshake shows that. If it has v2,
   * the missing dictionary is the error.
   */
  #probe(host: string, filters: JetstreamFilters, error: StreamError): JetstreamProtocol {
    const protocol = this.#v2(host, filters, PLAIN)
    const opened = (): never => {
      this.#proven(host, 'v2')
      throw error
    }
    return { ...protocol, opened }
  }

  #v1(
    v1: typeof import('./v1.js').v1,
    host: string,
    filters: JetstreamFilters,
    compression: Compression,
  ): JetstreamProtocol {
    const alwaysSaysHello = this.#alwaysSaysHello
    const options = { ...this.options, compression, alwaysSaysHello }
    const protocol = v1(endpoint(host, V1_PATH), filters, options)
    return {
      ...protocol,
      opened: () => {
        this.#proven(host, 'v1')
        if (filters.kinds?.includes('sync')) this.#tellNoSync(host)
      },
      refused: (error) => {
        const isInUrl = !alwaysSaysHello && (filters.collections ?? filters.dids) !== undefined
        if (isTooLong(error) && isInUrl) return this.#saysHello(error)
        // Without any wire the host is away: its last answer did not show that it has no v2.
        if (error instanceof RefusedError && !error.retryable && !this.#served.has(host))
          this.#known.delete(host)
        return isOpaque(error) && misfitOfV2(filters) === undefined
          ? this.#tryOther(host, 'v2')
          : undefined
      },
    }
  }

  #v2(host: string, filters: JetstreamFilters, compression: Compression): JetstreamProtocol {
    const protocol = v2(endpoint(host, V2_PATH), filters, { ...this.options, compression })
    return {
      ...protocol,
      opened: () => this.#proven(host, 'v2'),
      refused: (error) => {
        if (!(error instanceof RefusedError))
          return isOpaque(error) ? this.#tryOther(host, 'v1') : undefined
        if (isTooLong(error)) return this.#tooLongForV2(host, error)
        if (error.status === 404 || error.status === 501) return this.#lacksV2(host)
        const isAboutDictionary =
          error.error === 'UnknownZstdDictionary' && compression.decoder !== undefined
        return isAboutDictionary ? this.#changesDictionary(host, error) : protocol.refused?.(error)
      },
    }
  }

  /** An open connection proves the wire and the dictionary. */
  #proven(host: string, wire: Wire): void {
    // The filter has changed the wire, for all hosts.
    if (this.#isLong) this.#opened.delete('v2')
    if (this.#opened.has(wire === 'v1' ? 'v2' : 'v1')) throw mixed(host, wire === 'v2')
    this.#opened.add(wire)
    this.#served.set(host, wire)
    if (wireOfPath(host) === undefined) this.#known.set(host, wire)
    this.compressions.accepted(host)
  }

  /** With `wire: 'v1'` this is a mistake in the config. Here only the handshake shows it. */
  #tellNoSync(host: string): void {
    if (this.#withoutSync.has(host)) return
    this.#withoutSync.add(host)
    this.log.warn(`${host} speaks wire v1, which has no sync events: \`kinds\` asks for them`)
  }

  #saysHello(error: StreamError): Redial {
    this.#alwaysSaysHello = true
    return new Redial(error.message)
  }

  /** A proxy refused the URL. Wire v1 takes the filter in a message. */
  #tooLongForV2(host: string, error: RefusedError): Redial | RefusedError {
    if (!this.#chooses(host))
      return new RefusedError(
        `${error.message}; the filter is too long for a URL there: ` +
          "set `wire: 'v1'`, which sends it in a message, or list fewer `dids`",
        error,
      )
    this.#isLong = true
    return new (this.#served.has(host) ? Redial : ProbeEnded)(error.message)
  }

  #changesDictionary(host: string, error: RefusedError): Redial {
    this.compressions.refused(host, error)
    return new Redial(error.message)
  }

  /**
   * A browser does not say why a handshake failed: the next dial tries the other wire, unless only
   * this one ever had an open connection. The first failure counts as that of a probe.
   */
  #tryOther(host: string, wire: Wire): ProbeEnded | undefined {
    if (!this.#chooses(host) || this.#isLong) return undefined
    if (this.#opened.size > 0 && !this.#opened.has(wire)) return undefined
    const isFirst = !this.#known.has(host)
    this.#known.set(host, wire)
    return isFirst ? new ProbeEnded(`${host} may have no other wire than ${wire}`) : undefined
  }

  #lacksV2(host: string): ProbeEnded | WireError | undefined {
    if (this.#served.get(host) === 'v2') return undefined
    if (!this.#chooses(host))
      return new WireError(`${host} has no wire v2; set \`wire: 'v1'\` for a legacy server`)
    if (this.#opened.has('v2')) return mixed(host, false)
    this.#known.set(host, 'v1')
    return new ProbeEnded(`${host} has no wire v2`)
  }
}

/** A position of one wire means nothing to the other. */
function mixed(host: string, hasV2: boolean): WireError {
  const [has, does] = hasV2 ? ['has', 'does not speak'] : ['has no', 'speaks']
  return new WireError(
    `${host} ${has} wire v2, which another of the hosts ${does}; ` +
      "list servers of one kind, or set `wire: 'v1'`",
  )
}

/** What servers and proxies answer to a URL, or to all headers, that are too long. */
export const isTooLong = (error: unknown): boolean =>
  error instanceof RefusedError && (error.status === 414 || error.status === 431)

/** Whether the error is a browser's, which names no cause. */
const isOpaque = (error: StreamError): boolean =>
  error instanceof ConnectError && error.cause === undefined

function endpoint(host: string, path: string): string {
  const url = new URL(host)
  if (url.pathname === '/') url.pathname = path
  return url.href
}
