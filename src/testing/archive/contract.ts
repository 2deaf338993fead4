import type { JetstreamEvent } from '../../events.js'
import type { FakeJetstream } from '../jetstream/contract.js'
import type { JetstreamFault } from '../server/faults.js'
import type { ArchiveFault, FiredArchiveFault } from './faults.js'

/** How a {@link fakeArchive} behaves. */
export interface FakeArchiveOptions {
  /**
   * The events that the server has, oldest first: a number of generated ones, or a list. Their
   * CIDs become those of their records.
   * @default 0
   */
  readonly events?: number | readonly JetstreamEvent[]
  /**
   * For generated ones.
   * @default 1
   */
  readonly seed?: number
  /**
   * How many of the events are sealed in segments; the others are only on the socket.
   * @default all
   */
  readonly sealed?: number
  /** @default 16 */
  readonly rowsPerBlock?: number
  /** @default 8 */
  readonly blocksPerSegment?: number
  /**
   * The first sequence number.
   * @default 1
   */
  readonly firstSeq?: number
  /**
   * How many of the newest events the socket can replay.
   * @default Infinity
   */
  readonly retainEvents?: number
  /**
   * The API key that every request for the archive must have.
   * @default none is asked for
   */
  readonly apiKey?: string
  /**
   * How many segments, or ranges of blocks, a page of a plan has.
   * @default 100_000
   */
  readonly planMaxEntries?: number
  /**
   * What goes wrong with requests for the archive. The server fails to close if one of these never
   * happened.
   * @default []
   */
  readonly faults?: readonly ArchiveFault[]
  /**
   * What goes wrong on the socket, likewise.
   * @default []
   */
  readonly socketFaults?: readonly JetstreamFault[]
  /** @default 0, any free one */
  readonly port?: number
}

/** A Jetstream with an archive, on this machine's loopback. Made by {@link fakeArchive}. */
export interface FakeArchive extends FakeJetstream {
  /** Every event, oldest first, as the socket sends it. */
  readonly events: readonly JetstreamEvent[]
  /** The last sequence number in a segment, or 0. */
  readonly sealedTip: number
  /** The faults of the archive that happened. */
  readonly archiveFired: readonly FiredArchiveFault[]
  /** Seals all events. */
  seal(): void
  /**
   * Removes rows from the log of the socket, and rewrites the segments that have such rows: under
   * other ETags, with the ranges that they had. Returns how many rows left the segments.
   */
  compact(isRemoved: Parameters<FakeJetstream['compact']>[0]): number
}
