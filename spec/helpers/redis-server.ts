import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type HeldPort, holdPort } from '../../bench/tools/held-port.js'

const absent = spawnSync('redis-server', ['--version']).error !== undefined
if (absent && process.env.CI)
  throw new Error('redis-server is not installed, and these specs must run here')
if (absent) console.warn('redis-server is not installed: specs that need it are skipped')

/** `describe`, where there is a `redis-server`. */
export const describeRedis: jest.Describe = absent ? describe.skip : describe

/** A real `redis-server` on a port of this machine. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number
  /** `redis://127.0.0.1:PORT` */
  readonly url: string
  /**
   * Says a command over a connection of its own, and answers what the server says, line by line.
   */
  cli(...command: readonly string[]): Promise<string>
  /** Ends it in good order, as `SIGTERM` does. */
  stop(): Promise<void>
  /** Ends it in no order: `kill -9`. */
  kill(): Promise<void>
  /**
   * Stops the process without ending it: it takes connections and answers nothing. Resolves when it
   * has stopped.
   */
  freeze(): Promise<void>
  thaw(): void
  /**
   * Starts it again after `stop` or `kill`: the same port, folder and settings, and those given.
   */
  start(...settings: readonly string[]): Promise<void>
}

/**
 * Starts a server with these settings, such as `'--appendonly', 'yes'`. Without any it keeps
 * nothing.
 */
export async function redisServer(...settings: readonly string[]): Promise<RedisServer> {
  return startOnFreePort((port) => new Server(port, ['--save', '', ...settings]))
}

/** A `redis-server` as a sentinel, with `lines` of its configuration, which it rewrites itself. */
export async function redisSentinel(...lines: readonly string[]): Promise<RedisServer> {
  return startOnFreePort((port) => new Server(port, ['--sentinel'], lines))
}

// Another program may listen there; one that was started by these specs never does.
const PORTS_TO_TRY = 20

async function startOnFreePort(serverAt: (port: HeldPort) => Server): Promise<RedisServer> {
  for (let tried = 1; ; tried += 1) {
    const server = serverAt(await holdPort())
    try {
      await server.start()
      return server
    } catch (error) {
      await server[Symbol.asyncDispose]()
      if (tried === PORTS_TO_TRY || !/Address already in use/.test(String(error))) throw error
    }
  }
}

class Server implements RedisServer {
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'redis-'))
  #process: ChildProcess | undefined

  constructor(
    private readonly held: HeldPort,
    private readonly settings: readonly string[],
    private readonly lines: readonly string[] = [],
  ) {
    this.port = held.port
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  async start(...more: readonly string[]): Promise<void> {
    const file = join(this.#folder, 'redis.conf')
    if (!existsSync(file)) writeFileSync(file, this.lines.map((line) => `${line}\n`).join(''))
    const place = [
      '--port',
      `${this.port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      this.#folder,
      '--daemonize',
      'no',
    ]
    const child = spawn('redis-server', [file, ...place, ...this.settings, ...more], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#process = child
    await new Promise<void>((resolve, reject) => {
      let log = ''
      child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}: ${log}`)))
      child.stdout?.on('data', (text) => {
        log = `${log}${text}`.slice(-10_000)
        // It listens before it has loaded what it kept, and says then that it is LOADING.
        if (/Ready to accept connections|Server initialized|Sentinel ID is/.test(log)) resolve()
      })
    })
  }

  cli(...command: readonly string[]): Promise<string> {
    const line = command.map((part) => `"${part.replaceAll('"', '\\"')}"`).join(' ')
    return new Promise((resolve, reject) => {
      let answer = ''
      const socket = connect(this.port, '127.0.0.1', () => socket.end(`${line}\r\nQUIT\r\n`))
      socket.on('data', (bytes) => {
        answer += bytes
      })
      socket.on('error', reject)
      socket.on('close', () => resolve(answer.replace(/\+OK\r\n$/, '').trim()))
    })
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM')
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  async freeze(): Promise<void> {
    this.#process?.kill('SIGSTOP')
    while (!stateOf(this.#process?.pid).startsWith('T')) await new Promise(setImmediate)
  }

  thaw(): void {
    this.#process?.kill('SIGCONT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
    await this.held[Symbol.asyncDispose]()
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
}

/** `T`: stopped. */
const stateOf = (pid = 0): string =>
  spawnSync('ps', ['-o', 'stat=', '-p', `${pid}`], { encoding: 'utf8' }).stdout.trim()
