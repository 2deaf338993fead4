import type { IncomingHttpHeaders } from 'node:http'

/** A body, or a part of it, as Go's file server answers. */
export interface FileAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
}

/** Answers for a file: whole, one range of it, 304, 412 or 416. */
export function fileAnswer(
  file: Uint8Array,
  etag: string,
  headers: IncomingHttpHeaders,
): FileAnswer {
  const same = { 'cache-control': 'public, no-cache', etag }
  const binary = { ...same, 'content-type': 'application/octet-stream' }
  const found = { ...binary, 'accept-ranges': 'bytes' }
  const { range, 'if-match': match, 'if-none-match': noneMatch, 'if-range': ifRange } = headers
  if (match !== undefined && match !== etag) return { status: 412, headers: binary, body: '' }
  if (noneMatch === etag) return { status: 304, headers: same, body: '' }
  const isStale = ifRange !== undefined && ifRange !== etag
  if (range === undefined || isStale) return { status: 200, headers: found, body: file }
  const bounds = boundsOf(range, file.length)
  if (bounds === undefined) return unsatisfied('invalid range')
  const [from, to] = bounds
  if (from >= file.length || from >= to)
    return unsatisfied('invalid range: failed to overlap', file.length)
  const part = { 'content-range': `bytes ${from}-${to - 1}/${file.length}` }
  return { status: 206, headers: { ...found, ...part }, body: file.subarray(from, to) }
}

/** From inclusive, to exclusive; `undefined` for a text that is no range. */
function boundsOf(range: string, length: number): readonly [from: number, to: number] | undefined {
  const [all, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? []
  if (all === undefined) return undefined
  if (first === '') return [Math.max(0, length - Number(last)), length]
  return [Number(first), last === '' ? length : Math.min(Number(last) + 1, length)]
}

const unsatisfied = (why: string, length?: number): FileAnswer => ({
  status: 416,
  headers: {
    'content-type': 'text/plain; charset=utf-8',
    ...(length === undefined ? {} : { 'content-range': `bytes */${length}` }),
  },
  body: `${why}\n`,
})
