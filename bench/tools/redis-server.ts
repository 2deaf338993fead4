import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A `redis-server` of this bench alone, that keeps nothing. */
export interface BenchRedis {
  readonly url: string
  /** Stops the process without ending it: it takes connections and answers nothing. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

/** `undefined`, said aloud, where there is none to start; in CI that is a failure. */
export async function startRedis(): Promise<BenchRedis | undefined> {
  if (spawnSync('redis-server', ['--version']).error !== undefined) {
    console.error(
      `${process.env.CI ? 'FAILED: ' : ''}redis-server is not installed: nothing is measured`,
    )
    if (process.env.CI) process.exitCode = 1
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'redis-bench-'))
  const port = await freePort()
  const settings = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'no',
  ]
  const child = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] })
  process.once('exit', () => child.kill('SIGKILL'))
  await said(child.stdout, 'Ready to accept connections')
  return {
    url: `redis://127.0.0.1:${port}`,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async stop() {
      child.kill('SIGKILL')
      await once(child, 'exit')
      rmSync(folder, { recursive: true, force: true })
    },
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('there is no port')
  return address.port
}
