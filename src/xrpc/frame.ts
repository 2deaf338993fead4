import { FrameError, ServerError } from '../errors.js'
import { messageOf } from '../internal/message-of.js'
import { decodeItem } from './cbor.js'
import { Heads } from './heads.js'
import { timeUs } from './time.js'

/** A decoded object: links and bytes in it are the decoder's wrappers, until `toJson`. */
export type Body = Readonly<Record<string, unknown>>

/** A frame of an event stream. What `op` and `t` mean is for the reader: those it does not know are to be passed over. */
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
 * Reads a frame of `xrpc.v0.cbor`: two DAG-CBOR objects, header and body (https://atproto.com/specs/event-stream). Throws {@link ServerError} for an error
 * frame, and {@link FrameError} for what cannot be read, with its place where the body's `seq` can.
 */
export function readFrame(frame: string | Uint8Array): XrpcFrame {
  if (typeof frame === 'string') throw new FrameError('the frame is text, and an event stream is binary')
  // Node's buffers are slower to cut up than the plain arrays they are.
  const bytes = new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength)
  const [header, rest] = readObject(bytes, 'header')
  const { op, t = '' } = header
  if (typeof op !== 'number') throw new FrameError('the header has no `op`', placeIn(rest))
  if (typeof t !== 'string') throw new FrameError('the `t` of the header is no text', placeIn(rest))
  const [body, more] = readObject(rest, 'body')
  if (more.length > 0) throw new FrameError(`${more.length} bytes follow the body`, placeIn(rest))
  if (op === OP_ERROR) throw serverError(body)
  return { op, t, body }
}

/** The place of a message, as far as it has one. */
export function placeOf({ seq, time }: Body): FrameError['place'] {
  return Number.isSafeInteger(seq) ? { position: seq as number, time_us: timeUs(time) } : undefined
}

/** The place of a message of which only the beginning is known. Names are sorted by their length, so that `seq` comes before all that can be large. */
export function placeOfHead(head: string | Uint8Array): FrameError['place'] {
  if (typeof head === 'string') return undefined
  const heads = new Heads(head, 0)
  return isSkipped(heads) ? placeIn(head.subarray(heads.at)) : undefined
}

function isSkipped(heads: Heads): boolean {
  try {
    return heads.skip()
  } catch {
    return false
  }
}

function readObject(bytes: Uint8Array, what: 'header' | 'body'): readonly [object: Body, rest: Uint8Array] {
  const [item, rest] = decode(bytes, what)
  if (!isObject(item)) throw new FrameError(`the ${what} is no object`)
  return [item, rest]
}

function decode(bytes: Uint8Array, what: 'header' | 'body'): readonly [item: unknown, rest: Uint8Array] {
  try {
    return decodeItem(bytes)
  } catch (error) {
    throw new FrameError(`the ${what} is no DAG-CBOR: ${messageOf(error)}`, what === 'body' ? placeIn(bytes) : undefined, { cause: error })
  }
}

/** The place of a body that cannot be decoded as a whole, found past what is broken. */
function placeIn(body: Uint8Array): FrameError['place'] {
  const heads = new Heads(body, 0)
  const found: { seq?: number | undefined; time?: string | undefined } = {}
  try {
    heads.eachMember(() => {
      if (heads.nameIs('seq')) found.seq = heads.readNumber()
      else if (heads.nameIs('time')) found.time = heads.readAscii()
      else return heads.skip()
      return true
    })
  } catch {
    // Too deep further on.
  }
  return placeOf(found)
}

function serverError({ error, message }: Body): ServerError {
  return new ServerError(
    typeof error === 'string' ? error.slice(0, MAX_NAME) : 'an error without a name',
    typeof message === 'string' ? message.slice(0, MAX_MESSAGE) : '',
  )
}

/** Whether a decoded item is a map. */
export const isObject = (item: unknown): item is Body =>
  typeof item === 'object' && item !== null && Object.getPrototypeOf(item) === Object.prototype
