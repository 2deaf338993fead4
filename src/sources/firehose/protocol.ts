import { IN_BROWSER } from '#socket'
import { filtersKey, wantedBy } from '../../atproto/filters.js'
import { placeOfHead } from '../../atproto/frame.js'
import { refused, urlAt } from '../../atproto/subscription.js'
import type { Control, CursorProtocol } from '../../live/protocol.js'
import type { Frame } from '../../socket/frame.js'
import { copyOf } from '../../socket/text-bytes.js'
import type { FirehoseConfig } from './config.js'
import { wantsAny } from './events.js'
import { type Message, readMessage } from './message.js'
import { skimCommit } from './skim-commit.js'
import { unwantedMessage } from './skim-message.js'

/**
 * `com.atproto.sync.subscribeRepos`, in the framing `xrpc.v0.cbor`. The server has no filters, so
 * the protocol applies all of them.
 */
export function firehoseProtocol(host: string, filters: FirehoseConfig): CursorProtocol<Message> {
  const wanted = wantedBy(filters)
  // Without a filter every message is wanted, and skimming it first gains nothing.
  const isNarrow = filtersKey(filters).length > 0
  return {
    host,
    takesTimes: false,
    oldest: 0,

    url: ({ cursor }) => urlAt(host, cursor),
    // With a filter, most frames are discarded, and the others are copied.
    keepsNoFrame: isNarrow,
    decode: isNarrow ? (frame) => unwantedMessage(frame, wanted) ?? read(keepable(frame)) : read,
    refused,
    wants: (message) => wantsAny(message, wanted),
    cursorOf: (message) => message.seq,
    timeOf: (message) => message.time_us,
    placeOfLarge: placeOfHead,
    identityOf: ({ kind, did, time, body: { rev } }) => `${did} ${kind} ${rev} ${time}`,
  }
}

const read = (frame: Frame): Message | Control => skimCommit(frame) ?? readMessage(frame)

/** A frame that an event may keep: a copy, except in a browser, where a frame shares no memory. */
const keepable = (frame: Frame): Frame =>
  typeof frame === 'string' || IN_BROWSER ? frame : copyOf(frame, 0, frame.length)
