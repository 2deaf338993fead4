import type { ArchiveMetrics } from '../../../delivery/metrics.js'
import { FrameError } from '../../../errors.js'
import type { JetstreamEvent } from '../../../events.js'
import { type Control, type CursorProtocol, isTimeCursor, Passed } from '../../../live/protocol.js'
import type { Received } from '../../../socket/socket.js'
import { identityOf } from '../identity.js'
import { type ArchivePass, archiveDial } from './connection.js'
import { PassedFrame, RowFrame } from './row-frame.js'

/** How an archive is read: see {@link ArchivePass}. */
export interface ArchiveReading extends Omit<ArchivePass, 'from'> {
  /** The endpoint of the socket, whose positions are those of the archive. */
  readonly host: string
  readonly metrics: () => ArchiveMetrics | undefined
  /** The position that this run has received last: the row at it need not come again. */
  readonly received?: () => number | undefined
}

/** The archive as one more wire: its frames are rows, its positions are those of the socket. */
export function archiveProtocol(reading: ArchiveReading): CursorProtocol<JetstreamEvent> {
  let witnessedUs = 0
  const decodeRow = (frame: Received): JetstreamEvent | Control => {
    if (frame instanceof PassedFrame) return new Passed(frame.position, frame.time_us)
    if (!(frame instanceof RowFrame)) throw new FrameError('the frame is no row of an archive')
    witnessedUs = frame.block.witnessedUs
    return frame.read()
  }
  return {
    host: reading.host,
    wire: 'archive',
    takesTimes: true,
    exact: true,
    oldest: 0,
    archive: reading.metrics,
    url: () => reading.requests.host,
    dial: ({ cursor = 0 }) =>
      archiveDial({
        ...reading,
        from: isTimeCursor(cursor)
          ? { time_us: cursor }
          : { position: cursor === reading.received?.() ? cursor + 1 : cursor },
      }),
    decode: decodeRow,
    decodeBytes: decodeRow,
    wants: () => true,
    cursorOf: (event) => event.cursor as number,
    // Not that of the event, which an operator may have imported: this one rises with the position.
    timeOf: () => witnessedUs,
    identityOf,
  }
}
