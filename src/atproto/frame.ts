import { FrameError, ServerError } from '../errors.js'
import { BoundsError } from '../internal/content-bounds.js'
import { messageOf } from '../internal/message-of.js'
import { decodeItem, decodeWhole } from './cbor.js'
import { CborSkimmer } from './cbor-skimmer.js'
import { timeUs } from './time.js'

/** A decoded object: links and bytes in it are the decoder's wrappers, until `toJson`. */
export type Body = Readonly<Record<string, unknown>>

/**
 * A frame of an event stream. What `op` and `t` mean is for the reader: those it does not know are
 * to be passed over.
 */
export interface XrpcFrame {
  /** 1 for a message. */
  readonly op: number
  /** The message's type, `#commit` say; empty where it has none. */
  readonly t: string
  readonly body: Body
}

const OP_ERROR = -1
// What a stranger writes ends up in logs.
const MAX_NAME = 100
const MAX_MESSAGE = 300

/**
 * Reads a frame of `xrpc.v0.cbor`: two DAG-CBOR objects, header and body
 * (https://atproto.com/specs/event-stream). Throws {@link ServerError} for an error frame, and
 * {@link FrameError} for what cannot be read, with its place where the body's `seq` can.
 *
 * `list`: the member of the body whose items are each content of its own. One beyond the bounds is
 * a {@link BoundsError} in its place, and does not cost its neighbours.
 */
export function readFrame(frame: string | Uint8Array, list?: string): XrpcFrame {
  if (typeof frame === 'string')
    throw new FrameError('the frame is text, and an event stream is binary')
  // Node's buffers are slower to cut up than the plain arrays they are.
  const bytes = new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength)
  const [header, rest] = readHeader(bytes)
  const { op, t = '' } = header
  if (typeof op !== 'number') throw new FrameError('the header has no `op`', placeIn(rest))
  if (typeof t !== 'string') throw new FrameError('the `t` of the header is no text', placeIn(rest))
  const [body, more] = readObject(rest, 'body', list)
  if (more.length > 0) throw new FrameError(`${more.length} bytes follow the body`, placeIn(rest))
  if (op === OP_ERROR) throw serverError(body)
  return { op, t, body }
}

/** The place of a message, as far as it has one. */
export function positionOfBody({ seq, time }: Body): FrameError['place'] {
  return Number.isSafeInteger(seq) ? { position: seq as number, time_us: timeUs(time) } : undefined
}

/**
 * The place of a message of which only the beginning is known. Names are sorted by their length, so
 * that `seq` comes before all that can be large.
 */
export function placeOfHead(head: string | Uint8Array): FrameError['place'] {
  if (typeof head === 'string') return undefined
  const heads = new CborSkimmer(head, 0)
  return heads.passOver() ? placeIn(head.subarray(heads.at)) : undefined
}

type Item = readonly [item: unknown, rest: Uint8Array]

/**
 * A header whose members are in another order than DAG-CBOR wants is read too: the simulator of
 * Jetstream v2 writes `op` first (seen in December 2026).
 */
function readHeader(bytes: Uint8Array): readonly [header: Body, rest: Uint8Array] {
  try {
    return readObject(bytes, 'header')
  } catch (error) {
    const unsorted = readUnsorted(bytes)
    if (unsorted === undefined) throw error
    return unsorted
  }
}

function readUnsorted(bytes: Uint8Array): readonly [header: Body, rest: Uint8Array] | undefined {
  const heads = new CborSkimmer(bytes, 0)
  const header: Record<string, unknown> = {}
  const isRead = attempt(() =>
    heads.eachMember(() => {
      const name = ['op', 't'].find((one) => heads.nameIs(one))
      const from = heads.at
      if (!heads.skip() || (name !== undefined && name in header)) return false
      if (name !== undefined) header[name] = decodeWhole(bytes.subarray(from, heads.at))
      return true
    }),
  )
  return isRead === true ? [header, bytes.subarray(heads.at)] : undefined
}

function readObject(
  bytes: Uint8Array,
  what: 'header' | 'body',
  list?: string,
): readonly [object: Body, rest: Uint8Array] {
  const [item, rest] = decode(bytes, what, list)
  if (!isPlainObject(item)) throw new FrameError(`the ${what} is no object`)
  return [item, rest]
}

function decode(bytes: Uint8Array, what: 'header' | 'body', list: string | undefined): Item {
  try {
    return decodeItem(bytes)
  } catch (error) {
    const isBeyond = error instanceof BoundsError
    const listed = isBeyond && list !== undefined ? decodeListed(bytes, list) : undefined
    if (listed !== undefined) return listed
    const message = `the ${what} ${isBeyond ? 'is' : 'is no DAG-CBOR:'} ${messageOf(error)}`
    throw new FrameError(message, what === 'body' ? placeIn(bytes) : undefined, { cause: error })
  }
}

/** The `seq` of a body and the items of its `list`, those in bounds decoded each for itself. */
function decodeListed(bytes: Uint8Array, list: string): Item | undefined {
  const heads = new CborSkimmer(bytes, 0)
  const body: Record<string, unknown> = {}
  const item = () => {
    const [from, members] = [heads.at, heads.members]
    const read = attempt(() => heads.skip() && decodeWhole(bytes.subarray(from, heads.at)))
    ;(body[list] as unknown[]).push(read)
    if (!(read instanceof BoundsError)) return read !== false
    heads.at = from
    heads.members = members
    return heads.passOver()
  }
  const isRead = attempt(() =>
    heads.eachMember(() => {
      if (heads.nameIs('seq')) body.seq = heads.readNumber()
      else if (!heads.nameIs(list)) return heads.skip()
      else {
        body[list] = []
        return heads.eachItem(item)
      }
      return true
    }),
  )
  return isRead === true ? [body, bytes.subarray(heads.at)] : undefined
}

/** What `read` returns, or throws. */
function attempt(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    return error
  }
}

/** The place of a body that cannot be decoded as a whole, found past what is broken. */
function placeIn(body: Uint8Array): FrameError['place'] {
  const heads = new CborSkimmer(body, 0)
  const found: { seq?: number | undefined; time?: string | undefined } = {}
  try {
    heads.eachMember(() => {
      if (heads.nameIs('seq')) found.seq = heads.readNumber()
      else if (heads.nameIs('time')) found.time = heads.readAscii()
      else return heads.passOver()
      return true
    })
  } catch {
    // It says that it has more members than there may be.
  }
  return positionOfBody(found)
}

function serverError({ error, message }: Body): ServerError {
  return new ServerError(
    typeof error === 'string' ? error.slice(0, MAX_NAME) : 'an error without a name',
    typeof message === 'string' ? message.slice(0, MAX_MESSAGE) : '',
  )
}

/** Whether a decoded item is a map. */
export const isPlainObject = (item: unknown): item is Body =>
  typeof item === 'object' && item !== null && Object.getPrototypeOf(item) === Object.prototype
