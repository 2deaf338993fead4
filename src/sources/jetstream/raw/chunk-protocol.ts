import type { JetstreamEvent } from '../../../events.js'
import { Control, type CursorProtocol, type Gathering } from '../../../live/protocol.js'
import type { TextBytes } from '../../../socket/text-bytes.js'
import { EventChunk, type JetstreamChunk } from './chunk.js'

/**
 * The protocol of single events as one of chunks. What is read alone is a chunk of one event, whose
 * position and identity are those of the event. Copies from another host are not recognised: that
 * would take the text of each event's names.
 */
export function chunkProtocol(
  protocol: CursorProtocol<JetstreamEvent>,
  gathering: Gathering<JetstreamChunk> | undefined,
): CursorProtocol<JetstreamChunk> {
  const { decode, decodeBytes, wants, cursorOf, timeOf, identityOf, recognising, ...same } =
    protocol
  return {
    ...same,
    gathering,
    decode: (frame) => alone(decode(frame)),
    ...(decodeBytes && { decodeBytes: (text: TextBytes) => alone(decodeBytes(text)) }),
    wants: (chunk) => wants(lastOf(chunk)),
    cursorOf: (chunk) => cursorOf(lastOf(chunk)),
    timeOf: (chunk) => timeOf(lastOf(chunk)),
    identityOf: (chunk) => identityOf(lastOf(chunk)),
  }
}

const alone = (read: JetstreamEvent | Control): JetstreamChunk | Control =>
  read instanceof Control ? read : new EventChunk([read])

const lastOf = (chunk: JetstreamChunk): JetstreamEvent => chunk.event(chunk.length - 1)
