import { IN_BROWSER } from '#socket'
import { type RecordChecker, recordChecker, type Schemas } from '../../../atproto/records.js'
import type { Gaps } from '../../../delivery/gaps.js'
import { ConnectError, CursorLoopError, type StreamError } from '../../../errors.js'
import type { JetstreamEvent } from '../../../events.js'
import type { LiveOptions } from '../../../live/config.js'
import type { CursorProgress } from '../../../live/cursor-progress.js'
import { type Control, type CursorProtocol, Redial } from '../../../live/protocol.js'
import { type BackoffOptions, backoffMs } from '../../../options/backoff.js'
import type { Wait } from '../../../socket/socket.js'
import type { CheckedJetstreamConfig } from '../config.js'
import type { JetstreamFilters } from '../filters.js'
import { endpointOf, requestOptionsOf } from './endpoint.js'
import type { ReplayProgress } from './progress.js'
import type { ArchiveReading } from './protocol.js'

const MAX_FUTILE = 5

/** What a stream that reads both hands in. */
export interface ArchiveOrSocketOptions
  extends Pick<ArchiveReading, 'host' | 'requests' | 'verify'> {
  readonly checker: RecordChecker
  readonly backoff: BackoffOptions
  readonly log: { warn(text: string): void }
}

/** What one subscription has. */
export interface Attached {
  readonly progress: CursorProgress<JetstreamEvent>
  readonly gaps: Gaps
}

/**
 * Decides for each dial whether the archive is read or the socket, for one subscription. The socket
 * costs nothing, so it is asked first, but for all there is. What it does not hold any more is read
 * from the archive; at the tip of the archive the socket goes on.
 */
export class ArchiveOrSocket {
  #reader: Reader | undefined
  #isArchive = false
  // The archive was read, and brought no position.
  #wasEmpty = false
  #replay: ReplayProgress | undefined
  #gaps: Gaps | undefined
  #progress: CursorProgress<JetstreamEvent> | undefined
  // Refusals by the socket in a row between which the archive brought nothing.
  #futile = 0
  #refusedAt = -1
  #delay: Wait | undefined

  constructor(private readonly options: ArchiveOrSocketOptions) {}

  /** Called once, before the first dial. */
  attach({ progress, gaps }: Attached): void {
    this.#progress = progress
    this.#gaps = gaps
  }

  /** Whether the next dial reads the archive. */
  get isArchive(): boolean {
    this.#isArchive ||= this.#beginsWithArchive
    return this.#isArchive
  }

  get #beginsWithArchive(): boolean {
    const asks = this.#progress?.asks
    if (asks === undefined || this.#wasEmpty) return false
    if (asks.isAll) return true
    // A browser does not say why a handshake failed: it could be refused for ever.
    return IN_BROWSER && this.#replay === undefined && asks.looksBack
  }

  /** A promise if the reader has to be loaded first. */
  archive(
    filters: JetstreamFilters,
  ): CursorProtocol<JetstreamEvent> | Promise<CursorProtocol<JetstreamEvent>> {
    if (this.#reader !== undefined) return this.#archiveWith(this.#reader, filters)
    return loadReader().then((reader) => {
      this.#reader = reader
      return this.#archiveWith(reader, filters)
    })
  }

  #archiveWith(
    { archiveProtocol, RowReader }: Reader,
    { collections, dids, kinds }: JetstreamFilters,
  ): CursorProtocol<JetstreamEvent> {
    const { host, requests, verify, checker, log } = this.options
    const filters = { collections, dids, kinds }
    return archiveProtocol({
      host,
      requests,
      verify,
      filters,
      rows: new RowReader(filters, checker),
      delay: this.#delay,
      metrics: () => this.#replay?.metrics,
      received: () => this.#progress?.last?.position,
      started: (progress) => {
        this.#replay = progress
      },
      unreadable: (from, to, why) => {
        log.warn(`${host}: the archive cannot be read from ${from} to ${to}: ${why}`)
        this.#gaps?.report({ host, from, to, reason: 'archive-unreadable', recoverable: true })
      },
      ended: (tip) => {
        this.#isArchive = false
        this.#wasEmpty = !(this.#progress?.asks?.hasPosition ?? false)
        return new Redial(`the archive is read up to ${tip}`)
      },
    })
  }

  /** The socket, whose refusal of an old position leads to the archive. */
  socket(protocol: CursorProtocol<JetstreamEvent>): CursorProtocol<JetstreamEvent> {
    return {
      ...protocol,
      archive: () => this.#replay?.metrics,
      refused: (error) => {
        const meaning = protocol.refused?.(error)
        if (meaning !== 'cursor') return meaning
        return this.#isAllThere(protocol.floorOf?.(error.message))
          ? this.#askAfterLast(error)
          : this.#toArchive(error)
      },
      control: (control) => this.#onControl(control),
    }
  }

  /** A time before its log is not refused: the socket starts later, and says so. */
  #onControl({ name, message }: Control): void {
    const question = this.#progress?.question
    if (name === 'OutdatedCursor' && (question === 'start' || question === 'rewind'))
      throw this.#toArchive(new Redial(message))
  }

  /** Whether the socket lacks only the event that was received last, or what was passed. */
  #isAllThere(floor: number | undefined): boolean {
    const { last } = this.#progress ?? {}
    return last !== undefined && floor === last.position + 1
  }

  #askAfterLast(error: StreamError): StreamError {
    this.#progress?.askAfterLast()
    return new Redial(error.message)
  }

  #toArchive(error: StreamError): StreamError {
    const position = this.#progress?.last?.position ?? 0
    this.#futile = position === this.#refusedAt ? this.#futile + 1 : 0
    this.#refusedAt = position
    if (this.#futile >= MAX_FUTILE)
      return new CursorLoopError(
        `the socket begins after ${position}, and the archive ends before it, ` +
          `${this.#futile} times: ${error.message}`,
      )
    // What is missing may be sealed meanwhile.
    this.#delay =
      this.#futile === 0
        ? undefined
        : {
            reason: error,
            ms: backoffMs(this.#futile, this.options.backoff),
            attempt: this.#futile,
          }
    this.#isArchive = true
    return new Redial(`reading the archive: ${error.message}`)
  }
}

/** Those of a config with `archive`. */
export function archiveOrSocket(
  { config: { archive, reconnect, records }, hosts: [host] }: CheckedJetstreamConfig,
  options: LiveOptions,
): ArchiveOrSocket {
  const endpoint = endpointOf(host)
  const { apiKey, verify } = archive === true || archive === undefined ? {} : archive
  return new ArchiveOrSocket({
    host: endpoint,
    requests: requestOptionsOf(endpoint, apiKey, options),
    verify,
    checker: recordChecker(records as Schemas | undefined),
    backoff: reconnect,
    log: options.log,
  })
}

type Reader = Pick<typeof import('./protocol.js'), 'archiveProtocol'> &
  Pick<typeof import('./rows.js'), 'RowReader'>

/** In a chunk of its own: a page that reads no archive does not load it. */
async function loadReader(): Promise<Reader> {
  try {
    const [protocol, rows] = await Promise.all([import('./protocol.js'), import('./rows.js')])
    return { ...protocol, ...rows }
  } catch (cause) {
    throw new ConnectError('the reader of the archive cannot be loaded', { cause })
  }
}
