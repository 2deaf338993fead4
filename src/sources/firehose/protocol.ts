import { wantedBy } from '../../connection/event-filters.js'
import type { CursorProtocol } from '../../connection/protocol.js'
import { RefusedError, ServerError } from '../../errors.js'
import type { FirehoseConfig } from './config.js'
import { wantsAny } from './events.js'
import { type Message, readMessage } from './message.js'

export const FIREHOSE_PATH = '/xrpc/com.atproto.sync.subscribeRepos'

/** `com.atproto.sync.subscribeRepos`, in the framing `xrpc.v0.cbor`. All filters are ours: the server has none. */
export function firehoseProtocol(host: string, filters: FirehoseConfig): CursorProtocol<Message> {
  const wanted = wantedBy(filters)
  return {
    host,
    takesTimes: false,
    oldest: 0,

    url({ cursor }) {
      const url = new URL(host)
      // Servers send what lies behind a cursor: one less brings the event at ours again, the proof that the log is the one we know.
      if (cursor !== undefined) url.searchParams.set('cursor', String(Math.max(0, cursor - 1)))
      return url.href
    },

    decode: readMessage,
    refused,
    wants: (message) => wantsAny(message, wanted),
    cursorOf: (message) => message.seq,
    timeOf: (message) => message.time_us,
    identityOf: ({ kind, did, time, body: { rev } }) => `${did} ${kind} ${rev} ${time}`,
  }
}

/** A PDS refuses after the handshake, in a frame: what it says of our request is as final there as a 400 would be. */
function refused(error: unknown): 'future' | RefusedError | undefined {
  if (!(error instanceof ServerError || error instanceof RefusedError)) return undefined
  if (error.error === 'FutureCursor') return 'future'
  if (error instanceof RefusedError || error.error !== 'InvalidRequest') return undefined
  return new RefusedError(error.message, { status: 400, body: '', error: error.error })
}
