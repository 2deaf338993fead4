import { openSync, writeSync } from 'node:fs'
import { filter, groupBy, mergeMap, type Observable, tap } from 'rxjs'
import { isCommit, type JetstreamChunk, type JetstreamEvent, rawText } from 'rxjs-atproto'
import type { Tally } from './contender.js'

const NEWLINE = 10
const FULL = 1 << 17

/**
 * What a program does that has a use for one record in ten: it looks at the collection of each
 * event, and keeps them apart.
 */
export function filtered(events$: Observable<JetstreamEvent>, { delivered }: Tally): void {
  let count = 0
  events$
    .pipe(
      // An event that does not pass was read all the same.
      tap(delivered),
      filter(isCommit),
      filter(({ commit }) => commit.operation !== 'delete'),
      groupBy(({ commit }) => commit.collection),
      mergeMap((group$) => group$),
    )
    .subscribe(({ commit }) => {
      count += 1
      if (count % 10 === 0 && commit.record === undefined) throw new Error('a record is missing')
    })
}

/** What a sink of lines does: it writes what was received, some hundred events at a time. */
export function passedOn(events$: Observable<JetstreamEvent>, { delivered }: Tally): void {
  const sink = openSync('/dev/null', 'w')
  const lines = Buffer.allocUnsafe(1 << 18)
  let used = 0
  events$.subscribe((event) => {
    used += lines.write(rawText(event) ?? '', used)
    lines[used++] = NEWLINE
    if (used > FULL) {
      writeSync(sink, lines, 0, used)
      used = 0
    }
    delivered()
  })
}

/** The same, of chunks. */
export function linesPassedOn(chunks$: Observable<JetstreamChunk>, { several }: Tally): void {
  const sink = openSync('/dev/null', 'w')
  chunks$.subscribe((chunk) => {
    writeSync(sink, chunk.lines)
    several(chunk.length)
  })
}

/** How often each collection came. */
export function counted(chunks$: Observable<JetstreamChunk>, { several }: Tally): void {
  const counts = new Map<string | undefined, number>()
  chunks$.subscribe((chunk) => {
    for (let index = 0; index < chunk.length; index += 1) {
      const collection = chunk.collection(index)
      counts.set(collection, (counts.get(collection) ?? 0) + 1)
    }
    several(chunk.length)
  })
}
