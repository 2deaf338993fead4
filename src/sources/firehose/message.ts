import { type Body, positionOfBody, readFrame } from '../../atproto/frame.js'
import { timeUs } from '../../atproto/time.js'
import { FrameError } from '../../errors.js'
import { Control } from '../../live/protocol.js'
import { type Commit, commitIn } from './commit.js'

/** One message of the firehose. A commit holds all of its operations. */
export interface Message {
  readonly kind: 'commit' | 'sync' | 'identity' | 'account'
  readonly did: string
  readonly seq: number
  readonly time: string
  readonly time_us: number
  /** Of a commit, a {@link Commit}. */
  readonly body: Body | Commit
  readonly frame: Uint8Array
}

/**
 * Reads a frame of `com.atproto.sync.subscribeRepos`, and checks the members that filters need.
 * Message types that the lexicon has removed (`#handle`, `#migrate`, `#tombstone`) or may add are
 * control messages, not events. Throws {@link FrameError}, and `ServerError` for an error frame.
 */
export function readMessage(frame: string | Uint8Array): Message | Control {
  const { op, t, body } = readFrame(frame)
  if (op !== 1) return new Control(`op ${op}`)
  switch (t) {
    case '#commit':
      return checkedMessage('commit', body.repo, body, commitIn(body), frame as Uint8Array)
    case '#sync':
    case '#identity':
    case '#account':
      return checkedMessage(
        t.slice(1) as Message['kind'],
        body.did,
        body,
        body,
        frame as Uint8Array,
      )
    case '#info':
      return new Control(shortText(body.name), shortText(body.message))
    default:
      return new Control(t)
  }
}

function checkedMessage(
  kind: Message['kind'],
  did: unknown,
  body: Body,
  read: Message['body'],
  frame: Uint8Array,
): Message {
  const { seq, time } = body
  if (!Number.isSafeInteger(seq) || (seq as number) < 0)
    throw new FrameError(`\`seq\` is no position: ${String(seq)}`)
  if (typeof did !== 'string')
    throw new FrameError(
      `\`${kind === 'commit' ? 'repo' : 'did'}\` is missing`,
      positionOfBody(body),
    )
  if (typeof time !== 'string') throw new FrameError('`time` is missing', positionOfBody(body))
  if (kind === 'sync' && typeof body.rev !== 'string')
    throw new FrameError('`rev` is missing', positionOfBody(body))
  if (kind === 'account' && typeof body.active !== 'boolean')
    throw new FrameError('`active` is missing', positionOfBody(body))
  return { kind, did, seq: seq as number, time, time_us: timeUs(time), body: read, frame }
}

const shortText = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 300) : '')
