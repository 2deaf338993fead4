import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { readJournal } from './file-journal.js'
import type { JournalEntry } from './journal.js'
import type { Life, LifeWorld } from './life.js'
import type { Task } from './sources.js'

const LOOK_MS = 50

/** Readers that are processes, with their journals in a folder. */
export class Processes implements LifeWorld {
  constructor(private readonly folder: string) {}

  start(task: Omit<Task, 'journal'>, n: number): Life {
    return new ProcessLife({ ...task, journal: join(this.folder, `life-${n}.log`) })
  }

  moved(): Promise<unknown> {
    return pause(LOOK_MS)
  }
}

class ProcessLife implements Life {
  readonly ready: Promise<unknown>
  readonly over: Life['over']
  readonly #child: ChildProcess

  constructor(private readonly task: Task) {
    const program = new URL('./reader.js', import.meta.url)
    this.#child = fork(program, [JSON.stringify(task)], { execArgv: [] })
    this.over = once(this.#child, 'exit').then(([code, signal]) => endOf(code, signal))
    this.ready = Promise.race([once(this.#child, 'message'), this.over])
  }

  get entries(): readonly JournalEntry[] {
    return readJournal(this.task.journal)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect()
  }
}

function endOf(code: unknown, signal: unknown): Awaited<Life['over']> {
  if (signal === 'SIGKILL') return 'killed'
  return code === 0 ? 'ended' : { wrong: `a reader ended by itself (${signal ?? code})` }
}
