import { writeSync } from 'node:fs'
import { fileCursorStore } from '../../src/cursors/file.js'

/**
 * Run by file-processes.spec.ts: one process that uses a cursor file. Tells on stdout, a line each,
 * what has come true.
 */
const [, , task = '', path = ''] = process.argv
const store = fileCursorStore(path)
const tell = (line: string) => writeSync(1, `${line}\n`)

/** Until the parent closes our stdin, or kills us. */
const stay = () => process.stdin.resume()

const tasks: Readonly<Record<string, () => Promise<unknown>>> = {
  /** Loads, and ends by itself without closing anything. */
  load: async () => tell(`loaded ${await store.load('stream')}`),
  /** Loads and holds the file. */
  hold: async () => {
    tell(`loaded ${await store.load('stream')}`)
    stay()
  },
  /** Saves one position after the other for ever; each that it tells is durable. */
  count: async () => {
    for (let position = Number((await store.load('stream')) ?? 0); ; ) {
      position++
      await store.save('stream', `${position}`)
      tell(`saved ${position}`)
    }
  },
  /** Saves a small position, then one that does not fit, then a small one. */
  fill: async () => {
    await store.save('stream', 'small')
    await store.save('stream', 'x'.repeat(100_000)).catch(refused)
    tell(`loaded ${await store.load('stream')}`)
    await store.save('stream', 'small again')
    tell(`loaded ${await store.load('stream')}`)
  },
  /** Takes the file when told to go, so that many go at once, and holds it. */
  'hold-at-go': async () => {
    tell('ready')
    await new Promise((resolve) => process.stdin.once('data', resolve))
    tell(`loaded ${await store.load('stream')}`)
  },
}

function refused(error: Error): void {
  tell(`refused ${error.message}`)
}

void tasks[task]?.().catch(refused)
