import { placeOfHead } from '../../atproto/frame.js'
import { refused, urlAt } from '../../atproto/subscription.js'
import { FrameError } from '../../errors.js'
import type { CursorProtocol } from '../../live/protocol.js'
import type { LabelEvent } from './label.js'
import { type Message, readMessage } from './message.js'

export const LABELS_PATH = '/xrpc/com.atproto.label.subscribeLabels'

/** `com.atproto.label.subscribeLabels`, in the framing `xrpc.v0.cbor`. */
export const labelsProtocol = (host: string): CursorProtocol<Message> => ({
  host,
  takesTimes: false,
  // A newer label for the same subject and value replaces the row of the older one, so a replay
  // lacks sequence numbers that were sent before.
  forgets: true,
  oldest: 0,
  url: ({ cursor }) => urlAt(host, cursor),
  decode: readMessage,
  refused,
  wants: () => true,
  cursorOf: (message) => message.seq,
  timeOf: (message) => message.time_us,
  placeOfLarge: placeOfHead,
  identityOf: ({ labels }) => labels.map(labelKey).join('\n'),
})

const labelKey = (label: LabelEvent | FrameError): string =>
  label instanceof FrameError
    ? label.message
    : `${label.src} ${label.uri} ${label.cid} ${label.val} ${label.neg} ${label.cts}`
