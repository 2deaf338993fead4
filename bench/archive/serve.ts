/**
 * Serves an archive of any size that is never whole anywhere: each segment is made when it is asked
 * for, of the same rows under other positions.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { generateEvents } from 'rxjs-atproto/testing'
import { answer, taskOf } from '../tools/child.js'

const TESTING = resolve(import.meta.dirname, '../../../dist/testing/archive')
type Module<Name extends string> = Name extends 'ranges'
  ? typeof import('../../src/testing/archive/ranges.js')
  : Name extends 'segment-file'
    ? typeof import('../../src/testing/archive/segment-file.js')
    : typeof import('../../src/testing/archive/row-of-event.js')
const internal = <Name extends string>(name: Name): Promise<Module<Name>> =>
  import(`${TESTING}/${name}.js`)

/** How large the archive is. */
export interface SparseArchive {
  readonly megabytes: number
  /** Of a segment. */
  readonly segmentMegabytes: number
  readonly rowsPerBlock: number
  /** Of each record. */
  readonly textBytes: number
}

/** What the reader has to know. */
export interface SparseArchiveAnswer {
  readonly host: string
  readonly rows: number
}

const { megabytes, segmentMegabytes, rowsPerBlock, textBytes } = taskOf<SparseArchive>()
const { writeBlock, writeSegment } = await internal('segment-file')
const { RowWriter } = await internal('row-of-event')
const { fileAnswer } = await internal('ranges')

const rows = templateRows()
const blocks = Math.max(1, Math.round((segmentMegabytes * 1e6) / writeBlock(rows).length))
const segments = Math.ceil(megabytes / segmentMegabytes)
const rowsPerSegment = blocks * rowsPerBlock
const KEPT = 6
const files = new Map<number, Buffer>()

function templateRows() {
  const writer = new RowWriter()
  const text = 'x'.repeat(textBytes)
  const wanted = []
  for (const event of generateEvents()) {
    if (wanted.length === rowsPerBlock) return wanted
    if (event.kind !== 'commit' || event.commit.operation === 'delete') continue
    const record = { ...(event.commit.record as object), text }
    const padded = { ...event, commit: { ...event.commit, record } } as typeof event
    wanted.push(writer.write(padded, wanted.length + 1).row)
  }
  return wanted
}

function fileOf(index: number): Buffer {
  const known = files.get(index)
  if (known !== undefined) return known
  const made = writeSegment(
    Array.from({ length: blocks }, (_, block) => {
      const before = index * rowsPerSegment + block * rowsPerBlock
      return rows.map((row) => ({
        ...row,
        seq: row.seq + before,
        witnessedUs: row.witnessedUs + before,
      }))
    }),
  ).bytes
  // The plan must name it before the file is made.
  made.writeBigUInt64LE(BigInt(index + 1), 4)
  files.set(index, made)
  for (const old of files.keys()) if (files.size > KEPT) files.delete(old)
  return made
}

const checksumOf = (index: number): string => (index + 1).toString(16).padStart(16, '0')

function plan(afterSeq: number): object {
  const tip = segments * rowsPerSegment
  const all = Array.from({ length: segments }, (_, index) => ({
    name: String(index),
    index,
    mode: 'segment',
    checksum: checksumOf(index),
    minSeq: index * rowsPerSegment + 1,
    maxSeq: (index + 1) * rowsPerSegment,
  }))
  return {
    plannedThroughSeq: tip,
    sealedTipSeq: tip,
    segments: all.filter(({ maxSeq }) => maxSeq > afterSeq),
  }
}

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1')
  if (pathname.endsWith('planSnapshot')) {
    let body = ''
    for await (const chunk of request) body += chunk
    response.end(JSON.stringify(plan((JSON.parse(body) as { afterSeq?: number }).afterSeq ?? 0)))
    return
  }
  const index = Number(searchParams.get('name'))
  const { status, headers, body } = fileAnswer(
    fileOf(index),
    `"${checksumOf(index)}"`,
    request.headers,
  )
  response.writeHead(status, { ...headers, 'content-length': body.length }).end(body)
}

const server = createServer((request, response) => void respond(request, response))
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  const host = `http://127.0.0.1:${port}`
  answer({ host, rows: segments * rowsPerSegment } satisfies SparseArchiveAnswer)
})
