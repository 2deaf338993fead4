import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { boundedMergeMap, type TapEvent, tap$ } from '../../src/index.js'

/**
 * Run by tap-kill.spec.ts: one process that handles events, which is to write their rkeys into a
 * file for good, and may die of it.
 */
const [, , host = '', path = '', dies = 'never', after = '0'] = process.argv
const file = openSync(path, 'a')
let handled = 0

const die = (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => {})
}

async function handle(event: TapEvent): Promise<void> {
  // Time for the server to send more.
  await new Promise((resolve) => setImmediate(resolve))
  if (dies === 'in the midst' && handled >= Number(after)) await die()
  writeSync(file, `${event.type === 'record' ? event.rkey : event.did}\n`)
  fsyncSync(file)
  handled += 1
  // In this very call: nobody has been told yet that the work has ended.
  if (dies === 'at the end' && handled >= Number(after)) await die()
}

const subscription = tap$({ host, reconnect: { initialDelayMs: 10, jitter: 'none' } })
  .pipe(boundedMergeMap(handle, { concurrency: 8, orderBy: ({ did }) => did }))
  .subscribe()

process.stdin.resume().once('end', () => {
  subscription.unsubscribe()
  closeSync(file)
})
