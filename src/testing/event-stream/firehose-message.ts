import { type Bytes, type CidLink, decodeFirst, encode } from '@atcute/cbor'

/** One operation of a commit, its members as the wire names them. */
export interface FirehoseOp {
  readonly action: 'create' | 'update' | 'delete'
  /** `collection/rkey`. */
  readonly path: string
  /** `null` for a delete. */
  readonly cid: CidLink | null
  /** What the path held before: for an update and a delete. */
  readonly prev?: CidLink
}

interface Numbered {
  /** The server sets it if it is absent. */
  readonly seq?: number
  readonly time: string
}

/** The body of a `#commit`. */
export interface CommitBody extends Numbered {
  readonly repo: string
  readonly rev: string
  readonly since: string | null
  readonly commit: CidLink
  /** A CARv1 file whose root is `commit`. */
  readonly blocks: Bytes
  readonly ops: readonly FirehoseOp[]
  readonly blobs: readonly CidLink[]
  /** The root of the tree before. */
  readonly prevData?: CidLink
  readonly rebase: boolean
  readonly tooBig: boolean
}

/** The body of a `#sync`. */
export interface SyncBody extends Numbered {
  readonly did: string
  readonly rev: string
  /** A CARv1 file of one block: the commit. */
  readonly blocks: Bytes
}

/** The body of an `#identity`. */
export interface IdentityBody extends Numbered {
  readonly did: string
  readonly handle?: string
}

/** The body of an `#account`. */
export interface AccountBody extends Numbered {
  readonly did: string
  readonly active: boolean
  readonly status?: string
}

/**
 * A message of `com.atproto.sync.subscribeRepos`: the header's `t` and the body, with links and
 * bytes as @atcute/cbor has them.
 */
export type FirehoseMessage = (
  | { readonly t: '#commit'; readonly body: CommitBody }
  | { readonly t: '#sync'; readonly body: SyncBody }
  | { readonly t: '#identity'; readonly body: IdentityBody }
  | { readonly t: '#account'; readonly body: AccountBody }
) & {
  /** The frame loses its second half: it stays in the log, and cannot be decoded. */
  readonly truncated?: true
}

/**
 * The bytes of a message's frame: header and body, each DAG-CBOR in canonical order.
 *
 * @example
 * const frames = [...generateCommits({ count: 1_000 })].map(encodeMessage)
 */
export function encodeMessage(
  message: Pick<FirehoseMessage, 't' | 'truncated'> & { readonly body: object },
): Uint8Array {
  const frame = encodeFrame(message.t, message.body)
  return message.truncated ? frame.subarray(0, frame.length >> 1) : frame
}

/** Decodes a frame. Throws if the bytes are not one. */
export function decodeMessage(frame: Uint8Array): FirehoseMessage {
  const message: unknown = decodeFrame(frame)
  return message as FirehoseMessage
}

/** Encodes a frame of any event stream in CBOR. */
export function encodeFrame(t: string, body: object): Uint8Array {
  return Buffer.concat([headerOf(t), encode(body)])
}

/** An error frame, which says why the stream ends. */
export const cborErrorFrame = (error: string, message: string): Uint8Array =>
  Buffer.concat([encode({ op: -1 }), encode({ error, message })])

/** Decodes any frame. An error frame has no `t`. */
export function decodeFrame(frame: Uint8Array): {
  readonly t: string | undefined
  readonly body: Readonly<Record<string, unknown>>
} {
  const [header, rest] = decodeFirst(frame)
  const [body, left] = decodeFirst(rest)
  if (left.length > 0) throw new Error(`a frame is two objects; ${left.length} bytes follow`)
  return { t: header.t, body }
}

const HEADERS = new Map<string, Uint8Array>()

/** Encodes each header once: it is a fifth of the work otherwise. */
function headerOf(t: string): Uint8Array {
  const known = HEADERS.get(t) ?? encode({ op: 1, t })
  HEADERS.set(t, known)
  return known
}
