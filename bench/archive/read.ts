import { resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { lastValueFrom, take } from 'rxjs'
import { archive$, boundedMergeMap, type JetstreamEvent, streamMetrics } from 'rxjs-atproto'
import { answer, taskOf } from '../tools/child.js'

export interface ArchiveReading {
  readonly host: string
  readonly rows: number
  /** How long the handler stands still. */
  readonly pauseMs: number
  /** The control: nothing bounds what is downloaded ahead. */
  readonly hasWindow: boolean
  /** The pause ends at once when the process has grown by so much. */
  readonly enoughBytes: number
}

export interface ArchiveAccount {
  /** The resident set of the process that has read a little, and how far it grew above that. */
  readonly warmBytes: number
  readonly grownBytes: number
  readonly handled: number
  /** Whether the stream was paused. */
  readonly hasPaused: boolean
}

const WARM_ROWS = 20_000
const SAMPLE_MS = 20
const WINDOW = resolve(import.meta.dirname, '../../../dist/sources/jetstream/archive/window.js')

const { host, rows, pauseMs, hasWindow, enoughBytes } = taskOf<ArchiveReading>()
const touch = (event: JetstreamEvent): number =>
  event.kind === 'commit' && event.cursor !== undefined && event.cursor % 10 === 0
    ? String(event.commit.record).length
    : 0

await lastValueFrom(archive$({ host, log: false }).pipe(take(Math.min(WARM_ROWS, rows))))
if (!hasWindow) {
  const { Window } = (await import(
    WINDOW
  )) as typeof import('../../src/sources/jetstream/archive/window.js')
  Window.prototype.hasRoom = () => true
}
const warmBytes = process.memoryUsage.rss()
let grownBytes = 0
const sampling = setInterval(() => {
  grownBytes = Math.max(grownBytes, process.memoryUsage.rss() - warmBytes)
}, SAMPLE_MS)

const metrics$ = streamMetrics()
let hasPaused = false
metrics$.subscribe(({ connection }) => {
  hasPaused ||= connection.state === 'paused'
})
let handled = 0

async function stand(): Promise<void> {
  const until = performance.now() + pauseMs
  while (performance.now() < until && grownBytes < enoughBytes) await wait(SAMPLE_MS)
  // The control is caught, or not: the rest of it shows no more.
  if (!hasWindow) tell()
}

function tell(): void {
  answer({ warmBytes, grownBytes, handled, hasPaused } satisfies ArchiveAccount)
}

await lastValueFrom(
  archive$({ host, log: false, metrics$ }).pipe(
    boundedMergeMap(
      async (event) => {
        touch(event)
        handled += 1
        if (handled === Math.floor(rows / 10)) await stand()
      },
      { capacity: 256, concurrency: 1 },
    ),
  ),
)
clearInterval(sampling)
tell()
