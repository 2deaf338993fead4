import { filtersKey, wantedBy } from '../../connection/event-filters.js'
import type { CursorProtocol } from '../../connection/protocol.js'
import { refused, urlAt } from '../../xrpc/subscription.js'
import type { FirehoseConfig } from './config.js'
import { wantsAny } from './events.js'
import { type Message, readMessage } from './message.js'
import { unwantedMessage } from './unwanted.js'

export const FIREHOSE_PATH = '/xrpc/com.atproto.sync.subscribeRepos'

/** `com.atproto.sync.subscribeRepos`, in the framing `xrpc.v0.cbor`. All filters are ours: the server has none. */
export function firehoseProtocol(host: string, filters: FirehoseConfig): CursorProtocol<Message> {
  const wanted = wantedBy(filters)
  // Nothing to gain where everything is wanted.
  const isNarrow = filtersKey(filters).length > 0
  return {
    host,
    takesTimes: false,
    oldest: 0,

    url: ({ cursor }) => urlAt(host, cursor),
    decode: isNarrow ? (frame) => unwantedMessage(frame, wanted) ?? readMessage(frame) : readMessage,
    refused,
    wants: (message) => wantsAny(message, wanted),
    cursorOf: (message) => message.seq,
    timeOf: (message) => message.time_us,
    identityOf: ({ kind, did, time, body: { rev } }) => `${did} ${kind} ${rev} ${time}`,
  }
}
