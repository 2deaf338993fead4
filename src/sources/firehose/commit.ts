import { BytesWrapper, CidLinkWrapper } from '@atcute/cbor'
import { type Body, isPlainObject, positionOfBody } from '../../atproto/frame.js'
import type { Span } from '../../atproto/shape-reader.js'
import { FrameError } from '../../errors.js'
import { type Added, addedTo } from './added.js'

/** The body of a commit. Members that need no check, or are of another type, are `undefined`. */
export interface Commit {
  readonly rev: string
  readonly since: string | undefined
  readonly tooBig: boolean
  /** The CID of the commit block. */
  readonly commit: Span
  readonly blocks: Span | undefined
  readonly ops: readonly Op[]
  readonly added: Added | undefined
}

/** One operation. Its path is `collection`, a slash and `rkey`, if there is a slash in it. */
export interface Op {
  readonly action: string
  readonly collection: string
  readonly rkey: string
  readonly cid: Span | undefined
  readonly prev: Span | undefined
  readonly added: Added | undefined
}

/** The members that the lexicon defines. */
const MEMBERS: ReadonlySet<string> = new Set([
  'ops',
  'rev',
  'seq',
  'repo',
  'time',
  'blobs',
  'since',
  'blocks',
  'commit',
  'rebase',
  'tooBig',
  'prevData',
])
const OP_MEMBERS: ReadonlySet<string> = new Set(['action', 'path', 'cid', 'prev'])

/** Checks a decoded commit. Throws {@link FrameError}. */
export function commitIn(body: Body): Commit {
  const { rev, commit, ops, since, tooBig, blocks } = body
  if (typeof rev !== 'string') throw new FrameError('`rev` is missing', positionOfBody(body))
  if (!(commit instanceof CidLinkWrapper))
    throw new FrameError('`commit` is no link', positionOfBody(body))
  if (!Array.isArray(ops) || !ops.every(isOp))
    throw new FrameError(
      '`ops` is no list of operations with an `action` and a `path`',
      positionOfBody(body),
    )
  return {
    rev,
    since: typeof since === 'string' ? since : undefined,
    tooBig: tooBig === true,
    commit: spanOf(commit.bytes),
    blocks: blocks instanceof BytesWrapper ? spanOf(blocks.buf) : undefined,
    ops: ops.map(opIn),
    added: addedTo(body, MEMBERS),
  }
}

interface SoundOp extends Body {
  readonly action: string
  readonly path: string
}

const isOp = (op: unknown): op is SoundOp =>
  isPlainObject(op) && typeof op.action === 'string' && typeof op.path === 'string'

function opIn(op: SoundOp): Op {
  const { action, path, cid, prev } = op
  const slash = path.indexOf('/')
  return {
    action,
    collection: slash < 0 ? path : path.slice(0, slash),
    rkey: slash < 0 ? '' : path.slice(slash + 1),
    cid: cid instanceof CidLinkWrapper ? spanOf(cid.bytes) : undefined,
    prev: prev instanceof CidLinkWrapper ? spanOf(prev.bytes) : undefined,
    added: addedTo(op, OP_MEMBERS),
  }
}

const spanOf = (bytes: Uint8Array): Span => ({ bytes, from: 0, to: bytes.length })
