import { ConnectError } from '../../../errors.js'
import { Damaged } from './damaged.js'
import type { ArchiveAnswer, Attempt, Requests } from './requests.js'

/** The file has another ETag: it was rewritten. Its bytes must not be mixed with those before. */
export class Rewritten extends Error {
  constructor(readonly etag: string) {
    super(`the segment was rewritten as ${etag}`)
  }
}

/** Which bytes of a segment, and of which generation of it. */
export interface SegmentRange {
  readonly name: string
  /** Without one, of any generation. */
  readonly etag?: string
  readonly from: number
  /** Exclusive. The file may end before it. */
  readonly to: number
}

/**
 * Fetches a range of a segment, in pieces as they came: joined they would be in memory twice. A
 * body that ends early is resumed where it ended. Rejects with {@link Rewritten} where the file is
 * another one.
 */
export function fetchRange(
  requests: Requests,
  range: SegmentRange,
): Promise<readonly Uint8Array[]> {
  const { name, etag, from, to } = range
  const body = new Body()
  return requests.run(async (attempt) => {
    const first = from + body.length
    const answer = await attempt.send({
      method: 'getSegment',
      params: { name },
      headers: {
        range: `bytes=${first}-${to - 1}`,
        ...(etag === undefined ? {} : { 'if-range': `"${etag}"` }),
      },
    })
    if (answer.status === 416) throw new Damaged(`${name} ends before byte ${first}`)
    const tag = etagOf(answer)
    if (tag !== undefined && etag !== undefined && tag !== etag) throw new Rewritten(tag)
    const { total } = extentOf(answer)
    const end = Math.min(to, total ?? to)
    // A server that does not know ranges sends the file from its beginning.
    await body.read(answer, attempt, answer.status === 200 ? first : 0, end - from)
    if (total !== undefined && body.length < end - from) throw endedEarly(name)
    return body.pieces
  })
}

/** Fetches the frame of one block, of whatever generation its segment is now. */
export function fetchBlock(
  requests: Requests,
  segment: string,
  index: number,
): Promise<Uint8Array> {
  let body = new Body()
  let etag: string | undefined
  return requests.run(async (attempt) => {
    const isResumed = body.length > 0 && etag !== undefined
    if (!isResumed) body = new Body()
    const answer = await attempt.send({
      method: 'getBlock',
      params: { segment, blockIndex: String(index) },
      headers: isResumed ? { range: `bytes=${body.length}-`, 'if-range': `"${etag}"` } : {},
    })
    const tag = etagOf(answer)
    if (answer.status !== 206 || (tag !== undefined && tag !== etag)) body = new Body()
    etag = tag
    const { total } = extentOf(answer)
    if (answer.status === 416) throw endedEarly(segment)
    await body.read(answer, attempt, 0, Number.POSITIVE_INFINITY)
    if (total !== undefined && body.length < total) throw endedEarly(segment)
    return body.bytes
  })
}

/** What has come of a body, over all attempts. */
class Body {
  length = 0
  readonly pieces: Uint8Array[] = []

  /** Reads on, without the first `skip` bytes of the answer, until there are `most` in all. */
  async read(
    { chunks }: ArchiveAnswer,
    attempt: Attempt,
    skip: number,
    most: number,
  ): Promise<void> {
    let toSkip = skip
    for await (const chunk of chunks) {
      const wanted = chunk.subarray(toSkip, toSkip + most - this.length)
      toSkip = Math.max(0, toSkip - chunk.length)
      if (wanted.length > 0) {
        this.pieces.push(wanted)
        this.length += wanted.length
        attempt.progressed()
      }
      if (this.length >= most) return
    }
  }

  get bytes(): Uint8Array {
    const [only] = this.pieces
    if (only !== undefined && this.pieces.length === 1) return only
    const all = new Uint8Array(this.length)
    let at = 0
    for (const piece of this.pieces) {
      all.set(piece, at)
      at += piece.length
    }
    return all
  }
}

/** A browser shows an ETag only where the server exposes it. */
function etagOf({ headers }: ArchiveAnswer): string | undefined {
  return headers.get('etag')?.replace(/^W\//, '').replaceAll('"', '')
}

/** The size of the whole file, if the answer says it. */
function extentOf({ status, headers }: ArchiveAnswer): { readonly total: number | undefined } {
  if (status === 206) {
    const total = /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1]
    return { total: total === undefined ? undefined : Number(total) }
  }
  // Of a body that was compressed on its way, the length is another one.
  const length = headers.has('content-encoding') ? null : headers.get('content-length')
  return { total: length === null ? undefined : Number(length) }
}

const endedEarly = (name: string): ConnectError =>
  new ConnectError(`the body of ${name} ended early; it is resumed`)
