import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PostgresClient } from '../../src/cursors/postgres.js'

/** A pool of `pg`, as far as specs use it. */
export interface Pool extends PostgresClient {
  connect(): Promise<PostgresClient & { release(): void }>
  on(event: 'error', listener: (error: Error) => void): unknown
  end(): Promise<void>
}

interface Pg {
  readonly Pool: new (config: object) => Pool
}

// Debian keeps the programs of a server out of the path.
const DEBIAN = '/usr/lib/postgresql'
const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN) : []
const BIN = versions.map((version) => join(DEBIAN, version, 'bin')).at(-1) ?? ''
const absent = !existsSync(join(BIN, 'initdb'))
if (absent && process.env.CI) throw new Error('postgresql is not installed, and CI needs it')
if (absent) console.warn('postgresql is not installed: specs that need it are skipped')

/** `describe`, where there is a server to start. */
export const describePostgres = absent ? describe.skip : describe

/** A server of one's own, on a socket in a folder of its own. */
export class PostgresServer implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'postgres-'))
  readonly #pools: Pool[] = []
  #child: ChildProcess | undefined

  async start(): Promise<this> {
    chmodSync(this.#folder, 0o777)
    if (!existsSync(join(this.#folder, 'data'))) {
      const { status, stderr } = spawnSync(
        ...this.#as('initdb', '-D', 'data', '-U', 'spec', '-N'),
        {
          cwd: this.#folder,
          encoding: 'utf8',
        },
      )
      if (status !== 0) throw new Error(`initdb ended with ${status}: ${stderr}`)
    }
    const settings = ['-D', 'data', '-k', this.#folder, '-h', '', '-F']
    const child = spawn(...this.#as('postgres', ...settings), {
      cwd: this.#folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    let log = ''
    await new Promise<void>((resolve, reject) => {
      child.stderr?.on('data', (text: Buffer) => {
        log += text
        if (log.includes('ready to accept connections')) resolve()
      })
      child.once('exit', (code) => reject(new Error(`postgres ended with ${code}: ${log}`)))
    })
    return this
  }

  /** Ends at once, as in a crash of the machine: what was committed is there after it. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    const ended = once(child, 'exit')
    child.kill('SIGQUIT')
    await ended
  }

  pool(): Pool {
    const { Pool } = createRequire(join(process.cwd(), 'package.json'))('pg') as Pg
    const pool = new Pool({ host: this.#folder, user: 'spec', database: 'postgres' })
    // A connection that waits in the pool when the server stops.
    pool.on('error', () => {})
    this.#pools.push(pool)
    return pool
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pool of this.#pools) await pool.end()
    await this.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Postgres refuses to run as root. */
  #as(program: string, ...flags: readonly string[]): [string, string[]] {
    const path = join(BIN, program)
    return process.getuid?.() === 0
      ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', path, ...flags]]
      : [path, [...flags]]
  }
}
