import { archive } from '#jetstream'
import type { JetstreamEvent } from '../../../events.js'
import type { LiveOptions } from '../../../live/config.js'
import type { CursorProtocol } from '../../../live/protocol.js'
import type { CheckedJetstreamConfig } from '../config.js'
import type { JetstreamFilters } from '../filters.js'
import type { ArchiveOrSocket, Attached } from './archive-or-socket.js'

type Protocol = CursorProtocol<JetstreamEvent>
type Loaded = Pick<typeof import('./archive-or-socket.js'), 'archiveOrSocket'>

/** The archive and the socket of one subscription. A page loads what that needs before it dials. */
export class LateArchive {
  #both: ArchiveOrSocket | undefined
  #attached: Attached | undefined

  constructor(
    private readonly checked: CheckedJetstreamConfig,
    private readonly options: LiveOptions,
  ) {}

  /** Called once, before the first dial. */
  attach(attached: Attached): void {
    this.#attached = attached
    if (archive.loaded !== undefined) this.#make(archive.loaded)
  }

  /** How the next dial speaks. `socket`: how it would to the socket alone. */
  protocol(
    filters: JetstreamFilters,
    socket: () => Protocol | Promise<Protocol>,
  ): Protocol | Promise<Protocol> {
    if (this.#both !== undefined) return protocolOf(this.#both, filters, socket)
    return archive.load().then((part) => protocolOf(this.#make(part), filters, socket))
  }

  #make({ archiveOrSocket }: Loaded): ArchiveOrSocket {
    this.#both ??= archiveOrSocket(this.checked, this.options)
    if (this.#attached !== undefined) this.#both.attach(this.#attached)
    return this.#both
  }
}

function protocolOf(
  both: ArchiveOrSocket,
  filters: JetstreamFilters,
  socket: () => Protocol | Promise<Protocol>,
): Protocol | Promise<Protocol> {
  if (both.isArchive) return both.archive(filters)
  const made = socket()
  return made instanceof Promise
    ? made.then((protocol) => both.socket(protocol))
    : both.socket(made)
}
