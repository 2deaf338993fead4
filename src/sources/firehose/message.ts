import { CidLinkWrapper } from '@atcute/cbor'
import { type Body, isPlainObject, positionOfBody, readFrame } from '../../atproto/frame.js'
import { timeUs } from '../../atproto/time.js'
import { FrameError } from '../../errors.js'
import { Control } from '../../live/protocol.js'

/** One message of the firehose. A commit holds all of its operations. */
export interface Message {
  readonly kind: 'commit' | 'sync' | 'identity' | 'account'
  readonly did: string
  readonly seq: number
  readonly time: string
  readonly time_us: number
  readonly body: Body
  readonly frame: Uint8Array
}

/**
 * A commit as {@link readMessage} has checked it. Members of type `unknown` are not checked yet.
 */
export interface CommitBody {
  readonly commit: CidLinkWrapper
  readonly rev: string
  readonly ops: readonly Op[]
  /** Checked when a record is wanted. */
  readonly blocks?: unknown
  readonly since?: unknown
  readonly tooBig?: unknown
}

/** One operation. `cid` and `prev` are checked when the operation is wanted. */
export interface Op {
  readonly action: string
  readonly path: string
  readonly cid?: unknown
  readonly prev?: unknown
}

/** The collection of a path: the part before the slash, or all of it if there is no slash. */
export function collectionOf(path: string): string {
  const slash = path.indexOf('/')
  return slash < 0 ? path : path.slice(0, slash)
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
      return checkedMessage('commit', body.repo, checkedCommit(body), frame as Uint8Array)
    case '#sync':
    case '#identity':
    case '#account':
      return checkedMessage(t.slice(1) as Message['kind'], body.did, body, frame as Uint8Array)
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
  return { kind, did, seq: seq as number, time, time_us: timeUs(time), body, frame }
}

function checkedCommit(body: Body): Body {
  const { rev, commit, ops } = body
  if (typeof rev !== 'string') throw new FrameError('`rev` is missing', positionOfBody(body))
  if (!(commit instanceof CidLinkWrapper))
    throw new FrameError('`commit` is no link', positionOfBody(body))
  if (!Array.isArray(ops) || !ops.every(isOp))
    throw new FrameError(
      '`ops` is no list of operations with an `action` and a `path`',
      positionOfBody(body),
    )
  return body
}

const isOp = (op: unknown): boolean =>
  isPlainObject(op) && typeof op.action === 'string' && typeof op.path === 'string'

const shortText = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 300) : '')
