import { hash } from 'node:crypto'
import { fromUint8Array } from '@atcute/car'
import { decode, fromBytes } from '@atcute/cbor'
import { toString as cidText } from '@atcute/cid'
import { decodeMessage, type FirehoseMessage, type FirehoseOp } from './firehose-message.js'

/** One operation, as {@link opsOf} returns it. */
export interface SentOp {
  readonly seq: number | undefined
  readonly did: string
  readonly rev: string
  readonly action: 'create' | 'update' | 'delete'
  readonly path: string
  /** `null` for a delete. */
  readonly cid: string | null
  readonly prev: string | undefined
  /**
   * As JSON of the AT Protocol (`$link`, `$bytes`). `undefined` for a delete, and if no block of
   * the CAR hashes to `cid`.
   */
  readonly record: unknown
}

/**
 * The operations of a message or a frame, in order. Empty if the message is not a commit or the
 * bytes cannot be decoded. It checks every hash and uses nothing of the library's own reader, so
 * that a spec can compare what was received with what was sent.
 *
 * @example
 * const sent = [...generateCommits({ count: 100 })].flatMap(opsOf)
 */
export function opsOf(item: FirehoseMessage | Uint8Array): readonly SentOp[] {
  const message = item instanceof Uint8Array ? tryDecode(item) : item
  if (message?.t !== '#commit' || message.truncated) return []
  const { repo: did, rev, seq, ops, blocks } = message.body
  const records = recordsIn(fromBytes(blocks))
  return ops.map(({ action, path, cid, prev }: FirehoseOp) => {
    const text = cid === null ? null : cid.$link
    return {
      seq,
      did,
      rev,
      action,
      path,
      cid: text,
      prev: prev?.$link,
      record: text === null ? undefined : records.get(text),
    }
  })
}

function tryDecode(frame: Uint8Array): FirehoseMessage | undefined {
  try {
    return decodeMessage(frame)
  } catch {
    return undefined
  }
}

/** Records by CID, without blocks whose hash does not match. */
function recordsIn(car: Uint8Array): ReadonlyMap<string, unknown> {
  const records = new Map<string, unknown>()
  for (const { cid, bytes } of fromUint8Array(car)) {
    const isTrue = hash('sha256', bytes, 'buffer').equals(cid.digest.contents)
    if (isTrue) records.set(cidText(cid), JSON.parse(JSON.stringify(decode(bytes))))
  }
  return records
}
