import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { lastValueFrom, take } from 'rxjs'
import { fileCursorStore } from '../../src/cursors/file.js'
import type { JetstreamEvent } from '../../src/events.js'
import { type CursorStore, ingest, memoryCursorStore } from '../../src/index.js'
import { type FakeJetstream, fakeJetstream, random } from '../../src/testing/index.js'
import { program, temporaryFolder } from '../socket/bundle.js'
import { generated, timesOf, watched } from './watched.js'

describe('nothing is lost over a restart', () => {
  const folder = temporaryFolder()
  afterAll(() => folder[Symbol.dispose]())

  /**
   * One run of a program: takes so many events, works on them out of order, and ends in the midst
   * of it.
   */
  async function run(
    server: FakeJetstream,
    store: CursorStore,
    count: number,
    done: Set<number>,
  ): Promise<void> {
    const { events$, when } = watched(server, { cursor: 'oldest', checkpoint: store })
    let turn = 0
    const work = ingest<JetstreamEvent, '*'>(
      {
        '*': async (event) => {
          // One in three takes longer than those behind it.
          for (let ticks = turn++ % 3 === 0 ? 5 : 1; ticks > 0; ticks--)
            await new Promise(setImmediate)
          done.add(event.time_us)
        },
      },
      { concurrency: 16 },
    )
    await lastValueFrom(events$.pipe(work, take(count)))
    // What the last checkpoint waits for.
    await when(({ open, connection }) => open === 0 && connection.state === 'closed')
  }

  const stores: readonly (readonly [
    string,
    () => { readonly open: () => CursorStore & Partial<AsyncDisposable> },
  ])[] = [
    [
      'memory',
      () => {
        const store = memoryCursorStore()
        return { open: () => store }
      },
    ],
    ['file', () => ({ open: () => fileCursorStore(join(folder.path, 'runs.json')) })],
  ]

  it.each(stores)(
    'with a %s store, over ten runs that each end in the middle of work',
    async (_, make) => {
      const { open } = make()
      await using server = await fakeJetstream({ events: 2000, stored: 'all' })
      const done = new Set<number>()
      for (let n = 0; n < 10; n++) {
        const store = open()
        await run(server, store, 100, done)
        await store[Symbol.asyncDispose]?.()
      }
      const furthest = Math.max(...done)
      const expected = timesOf(generated(2000)).filter((time) => time <= furthest)
      // What the very last run had begun and not finished may be missing; a next run would bring
      // it.
      const missing = expected.filter((time) => !done.has(time))
      expect(missing.length).toBeLessThan(16)
      const store = open()
      await run(server, store, 100, done)
      await store[Symbol.asyncDispose]?.()
      expect(missing.filter((time) => !done.has(time))).toEqual([])
      expect(new Set(server.connections.map(({ cursor }) => cursor)).size).toBe(11)
    },
  )

  it('with a file store, of a process that is killed at five random points', async () => {
    const child = await program(
      folder.path,
      'killed',
      `import { writeSync } from 'node:fs'
       import { setTimeout } from 'node:timers/promises'
       import { ingest, jetstream$ } from 'rxjs-atproto'
       import { fileCursorStore } from 'rxjs-atproto/cursors/file'
       const [host, path] = process.argv.slice(2)
       const checkpoint = { store: fileCursorStore(path), everyMs: 5 }
       jetstream$({ host, wire: 'v1', cursor: 'oldest', checkpoint })
         .pipe(ingest({ '*': async (event) => {
           await setTimeout(Math.random() * 4)
           writeSync(1, event.time_us + '\\n')
         } }, { concurrency: 16, capacity: 100 }))
         .subscribe()`,
    )
    const events = timesOf(generated(1500))
    await using server = await fakeJetstream({ events: 1500, stored: 'all' })
    const done = new Set<number>()
    const next = random(Date.now())
    for (const kill of [1, 2, 3, 4, 5]) await killedAfter(1 + Math.floor(next() * 250), kill)
    const last = start()
    for await (const line of linesOf(last)) {
      done.add(Number(line))
      if (done.size === events.length) break
    }
    last.kill('SIGKILL')
    expect([...done].sort((a, b) => a - b)).toEqual(events)
    // It went on from where it was: each run asked for a later position than the one before.
    const cursors = server.connections.map(({ cursor }) => Number(cursor))
    expect(cursors).toEqual([...cursors].sort((a, b) => a - b))
    expect(cursors.at(-1)).toBeGreaterThan(events[0] ?? 0)

    function start(): ChildProcess {
      return spawn(process.execPath, [child, server.url, join(folder.path, 'killed.json')], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
    }

    async function killedAfter(lines: number, kill: number): Promise<void> {
      const process = start()
      let seen = 0
      for await (const line of linesOf(process)) {
        done.add(Number(line))
        seen += 1
        if (seen === lines) process.kill('SIGKILL')
      }
      if (process.signalCode === null) await once(process, 'exit')
      expect([kill, process.signalCode]).toEqual([kill, 'SIGKILL'])
    }
  }, 40_000)
})

/** Whole lines, also those that a killed process had written. */
async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  if (child.stdout === null) return
  for await (const line of createInterface({ input: child.stdout })) yield line
}
