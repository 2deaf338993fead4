import type { IncomingHttpHeaders } from 'node:http'

/** A body, or a part of it, as Go's file server answers. */
export interface FileAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
}

/** Answers for a file: whole, one range of it, 304 or 416. */
export function fileAnswer(
  file: Uint8Array,
  etag: string,
  headers: IncomingHttpHeaders,
): FileAnswer {
  const base = { 'accept-ranges': 'bytes', 'cache-control': 'public, no-cache', etag }
  if (headers['if-none-match'] === etag) return { status: 304, headers: base, body: '' }
  const binary = { ...base, 'content-type': 'application/octet-stream' }
  const whole = { status: 200, headers: binary, body: file }
  const isStale = headers['if-range'] !== undefined && headers['if-range'] !== etag
  if (headers.range === undefined || isStale) return whole
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(headers.range) ?? []
  const from = first === '' ? Math.max(0, file.length - Number(last)) : Number(first)
  const to = first === '' || last === '' ? file.length : Math.min(Number(last) + 1, file.length)
  if (from >= file.length || from >= to)
    return {
      status: 416,
      headers: {
        ...base,
        'content-type': 'text/plain; charset=utf-8',
        'content-range': `bytes */${file.length}`,
      },
      body: 'invalid range: failed to overlap\n',
    }
  const range = { 'content-range': `bytes ${from}-${to - 1}/${file.length}` }
  return { status: 206, headers: { ...binary, ...range }, body: file.subarray(from, to) }
}
