import { IN_BROWSER } from '#socket'
import { filtersKey, wantedBy } from '../../atproto/filters.js'
import { placeOfHead } from '../../atproto/frame.js'
import { refused, urlAt } from '../../atproto/subscription.js'
import type { Control, CursorProtocol } from '../../live/protocol.js'
import type { Frame } from '../../socket/frame.js'
import type { FirehoseConfig } from './config.js'
import { wantsAny } from './events.js'
import { type Message, readMessage } from './message.js'
import { NarrowReader } from './narrow-reader.js'
import { skimCommit } from './skim-commit.js'

/**
 * `com.atproto.sync.subscribeRepos`, in the framing `xrpc.v0.cbor`. The server has no filters, so
 * the protocol applies all of them.
 */
export function firehoseProtocol(host: string, filters: FirehoseConfig): CursorProtocol<Message> {
  const wanted = wantedBy(filters)
  // Without a filter every message is wanted, and looking at it first gains nothing.
  const isNarrow = filtersKey(filters).length > 0
  const reader = isNarrow ? new NarrowReader(wanted, filters.dids !== undefined) : undefined
  return {
    host,
    takesTimes: false,
    oldest: 0,

    url: ({ cursor }) => urlAt(host, cursor),
    // With a filter, most frames are discarded, and the others are copied.
    keepsNoFrame: isNarrow,
    decode: reader ? (frame) => reader.decode(frame) : read,
    // In a browser each read of the socket is one message.
    gathering: IN_BROWSER ? undefined : reader,
    refused,
    wants: (message) => wantsAny(message, wanted),
    cursorOf: (message) => message.seq,
    timeOf: (message) => message.time_us,
    placeOfLarge: placeOfHead,
    identityOf: ({ kind, did, time, body: { rev } }) => `${did} ${kind} ${rev} ${time}`,
  }
}

const read = (frame: Frame): Message | Control => skimCommit(frame) ?? readMessage(frame)
