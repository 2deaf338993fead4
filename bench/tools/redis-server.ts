import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type HeldPort, holdPort } from './held-port.js'

/** A `redis-server` without persistence, for one bench or soak run. */
export interface BenchRedis {
  readonly url: string
  /** Suspends the process: it accepts connections and sends no reply. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

/** Returns `undefined` with a message if Redis is not installed. In CI that fails the bench. */
export async function startRedis(): Promise<BenchRedis | undefined> {
  if (spawnSync('redis-server', ['--version']).error !== undefined) {
    console.error(
      `${process.env.CI ? 'FAILED: ' : ''}redis-server is not installed: nothing is measured`,
    )
    if (process.env.CI) process.exitCode = 1
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'redis-bench-'))
  const { child, held } = await startOnHeldPort(folder)
  return {
    url: `redis://127.0.0.1:${held.port}`,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async stop() {
      child.kill('SIGKILL')
      await once(child, 'exit')
      rmSync(folder, { recursive: true, force: true })
      await held[Symbol.asyncDispose]()
    },
  }
}

const PORTS_TO_TRY = 20

/** The port is held as long as the server runs. Tries another one if it is in use. */
async function startOnHeldPort(folder: string): Promise<{ child: ChildProcess; held: HeldPort }> {
  for (let tried = 1; ; tried += 1) {
    const held = await holdPort()
    const settings = ['--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']
    const child = spawn('redis-server', ['--port', `${held.port}`, ...settings], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    process.once('exit', () => child.kill('SIGKILL'))
    try {
      await said(child.stdout, 'Ready to accept connections')
      return { child, held }
    } catch (error) {
      await held[Symbol.asyncDispose]()
      if (tried === PORTS_TO_TRY || !/Address already in use/.test(String(error))) throw error
    }
  }
}

async function said(lines: AsyncIterable<Buffer>, words: string): Promise<void> {
  let log = ''
  for await (const text of lines) {
    log += text
    if (log.includes(words)) return
  }
  throw new Error(`redis-server did not start: ${log}`)
}
