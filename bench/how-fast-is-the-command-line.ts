/**
 * How fast does `rxjs-atproto jetstream` pass a stream on into a pipe, beside a loop of `ws` that
 * writes each frame as a line? One run, one server in a process of its own, each contender in a
 * fresh process, in rounds. The bench counts lines, as `wc -l` does.
 */
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { start } from './tools/child.js'
import type { Offer } from './tools/serve.js'
import { median } from './tools/statistics.js'
import { table, whole } from './tools/table.js'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    events: { type: 'string' },
    rounds: { type: 'string' },
  },
})
const events = Number(flags.events ?? (flags.quick ? 100_000 : 400_000))
const rounds = Number(flags.rounds ?? (flags.quick ? 2 : 5))
const TARGET = 0.8
const STUCK_AFTER_MS = 30_000

const root = resolve(import.meta.dirname, '../..')
const FLOOR = 'ws, each frame written'
const PASSED = 'jetstream'
const cli = (...flags: readonly string[]) => [
  resolve(root, 'dist/cli/main.js'),
  ...['jetstream', '-q', '--cursor', 'oldest', ...flags, '--host'],
]
// The last argument is the host. `--grep` looks into each event, and finds nothing to leave out.
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  [FLOOR]: [resolve(import.meta.dirname, 'command-line/write-frames.js')],
  [PASSED]: cli(),
  'jetstream --grep .': cli('--grep', '.'),
}

const server = start<string>('tools/serve', { events } satisfies Offer)
const host = `${await server.answer()}`
const seconds = new Map<string, number[]>(Object.keys(PROGRAMS).map((name) => [name, []]))
for (let round = 0; round < rounds; round++)
  for (const [name, program] of Object.entries(PROGRAMS))
    seconds.get(name)?.push(await secondsFor(program, urlFor(name)))
await server.stop()
report()

/** The floor has no flags. */
function urlFor(name: string): string {
  return name === FLOOR ? `${host}?cursor=1` : host
}

/** From the first line to the last. A warm-up would count lines that wait inside the floor. */
function secondsFor(program: readonly string[], url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...program, url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let [lines, startedAt] = [0, 0]
    const end = (finish: () => void) => {
      clearTimeout(stuck)
      child.once('close', finish)
      child.kill('SIGKILL')
    }
    const stuck = setTimeout(
      () => end(() => reject(new Error(`${lines} of ${events} lines of ${program}`))),
      STUCK_AFTER_MS,
    )
    child.stdout.on('data', (bytes: Buffer) => {
      if (startedAt === 0) startedAt = performance.now()
      for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines += 1
      if (lines < events) return
      const elapsed = (performance.now() - startedAt) / 1000
      end(() => resolve(elapsed))
    })
  })
}

function ratio(name: string): number {
  const own = seconds.get(name) ?? []
  return median(own.map((each, round) => (seconds.get(FLOOR)?.[round] ?? 0) / each))
}

function report(): void {
  const row = (name: string) => [
    name,
    whole(events / median(seconds.get(name) ?? [])),
    ratio(name).toFixed(2),
  ]
  console.log(`${whole(events)} events, ${rounds} rounds, medians`)
  console.log(`\n${table([['', 'events/s', 'ratio by time'], ...Object.keys(PROGRAMS).map(row)])}`)
  console.log(`\n${PASSED} is at ${ratio(PASSED).toFixed(2)} of the floor (target ${TARGET})`)
  if (ratio(PASSED) >= TARGET / 2) return
  console.error('FAILED: far below the target')
  process.exitCode = 1
}
