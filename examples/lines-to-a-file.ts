/**
 * Appends what a Jetstream sends to a file of lines, a read of the socket at a time, and looks at
 * no event. It runs twice on one cursor file: a chunk is done when the system has its lines. The
 * second run begins with the last chunk of the first, so that nothing is missing.
 */
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concatMap, lastValueFrom, scan, takeWhile, toArray } from 'rxjs'
import { boundedMergeMap, type JetstreamChunk, jetstreamChunks$ } from 'rxjs-atproto'
import { fileCursorStore } from 'rxjs-atproto/cursors/file'
import { jetstreamServer } from './server.js'

const server = await jetstreamServer()
const folder = await mkdtemp(join(tmpdir(), 'lines-to-a-file-'))
const path = join(folder, 'events.ndjson')

/** Reads at least so many events. */
async function run(events: number): Promise<void> {
  await using checkpoint = fileCursorStore(join(folder, 'cursor.json'))
  await using file = await open(path, 'a')
  async function append(chunk: JetstreamChunk): Promise<number> {
    await file.appendFile(chunk.lines)
    return chunk.length
  }
  await lastValueFrom(
    jetstreamChunks$({ host: server.url, wire: 'v1', cursor: 'oldest', checkpoint }).pipe(
      boundedMergeMap(append, { capacity: 16 }),
      scan((sum, length) => sum + length, 0),
      takeWhile((sum) => sum < events),
    ),
    { defaultValue: 0 },
  )
}

await run(500)
await run(500)

// Read once more, to see that none of the events up to the last line is missing in the file.
const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
const written = new Set(lines)
const sent$ = jetstreamChunks$({ host: server.url, wire: 'v1', cursor: 'oldest' }).pipe(
  concatMap((chunk) => Array.from({ length: chunk.length }, (_, index) => chunk.text(index))),
  takeWhile((text) => text !== lines.at(-1), true),
)
const sent = await lastValueFrom(sent$.pipe(toArray()))
const missing = sent.filter((text) => !written.has(text)).length
console.log({ written: written.size, missing })
process.exitCode = missing === 0 && written.size >= 500 ? 0 : 1

await rm(folder, { recursive: true })
await server.close()
