import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/**
 * A Redis of the example's own, which keeps nothing; `undefined` where no `redis-server` is
 * installed.
 */
export async function redisServer(): Promise<{ readonly url: string; close(): void } | undefined> {
  const [port, folder] = [await freePort(), mkdtempSync(join(tmpdir(), 'redis-'))]
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const server = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] })
  const started = once(server, 'spawn').then(
    () => true,
    () => false,
  )
  if (!(await started)) return undefined
  for await (const line of createInterface({ input: server.stdout }))
    if (line.includes('Ready to accept connections')) break
  server.stdout.resume()
  const close = () => {
    server.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  // Nobody else ends it, however the example does.
  process.once('exit', close)
  return { url: `redis://127.0.0.1:${port}`, close }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  server.close()
  return port
}
