/**
 * One process of the soak: reads a source, works on what comes, and is killed.
 * Its only witness is its journal.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from '@redis/client'
import { fileCursorStore } from 'rxjs-atproto/cursors/file'
import { answer, taskOf } from '../bench/tools/child.js'
import { Dice } from './dice.js'
import { FileJournal } from './file-journal.js'
import { streamOf, type Task } from './sources.js'

const task = taskOf<Task>()
const journal = new FileJournal(task.journal, task.death)
const source$ = await streamOf(task, {
  journal,
  dice: new Dice(task.seed, 'reader'),
  pause,
  cursors: (path) => fileCursorStore(path, { log: false }),
  redis: (url) => {
    const client = createClient({ url, socket: { reconnectStrategy: 20 } })
    return client.on('error', () => {}).connect()
  },
})
// From here on it is worth a kill.
answer('ready')
source$.subscribe({
  error: (error: unknown) => journal.write('failed', String(error).replaceAll('\n', ' ')),
  complete() {
    journal.write('completed')
    process.exit()
  },
})
