import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createClient } from '@redis/client'
import { exhaustMap, filter, firstValueFrom, timer } from 'rxjs'
import { type FirehoseMessage, opsOf } from 'rxjs-atproto/testing'
import type { RedisServer } from '../helpers/redis-server.js'
import type { Cli } from './cli.js'

/** What an rsky setup leaves in its environment, and nothing else. */
export type RskyEnvironment = Readonly<Record<string, string>>

/** `rxjs-atproto ingest` in a process of its own. */
export class IngestRun {
  stderr = ''
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>

  constructor(cli: Cli, environment: RskyEnvironment, args: readonly string[] = []) {
    const { PATH, NODE_OPTIONS } = process.env
    const env = {
      METRICS_PORT: 'off',
      ...(PATH ? { PATH } : {}),
      ...(NODE_OPTIONS ? { NODE_OPTIONS } : {}),
      ...environment,
    }
    this.#child = cli.start(['ingest', '--batch-timeout', '20ms', ...args], { env })
    this.#child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
    this.#ended = once(this.#child, 'close').then(([code]) => code as number | null)
  }

  /** Settles with the exit code. */
  get ended(): Promise<number | null> {
    return this.#ended
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.signal(signal)
    return this.#ended
  }

  /** Settles when stderr holds it. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.stderr)
      if (found !== null) return found
      const stderr = this.#child.stderr
      if (stderr === null || stderr.closed)
        throw new Error(`it never said ${pattern}, but:\n${this.stderr}`)
      await Promise.race([once(stderr, 'data'), this.#ended])
    }
  }

  /** Where it serves its metrics: it must have been told to. */
  async url(): Promise<string> {
    const [, port] = await this.says(/are on port (\d+)/)
    return `http://127.0.0.1:${port}`
  }
}

const TAKE = `
  local rows = redis.call('XRANGE', KEYS[1], '-', '+')
  redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)
  return rows`

/** What is in Redis, as any of its readers sees it. */
export class Reader implements AsyncDisposable {
  private constructor(private readonly client: ReturnType<typeof createClient>) {}

  static async of({ url }: Pick<RedisServer, 'url'>): Promise<Reader> {
    const client = createClient({ url })
    // A server that a spec stops ends the connection: the next command says so.
    client.on('error', () => {})
    await client.connect()
    return new Reader(client as ReturnType<typeof createClient>)
  }

  async length(stream: string): Promise<number> {
    return Number(await this.client.sendCommand(['XLEN', stream]))
  }

  /** The values of one field, in order; an entry that has another field throws. */
  async entries<T = Record<string, unknown>>(stream: string, field: string): Promise<readonly T[]> {
    return valuesOf<T>(await this.client.sendCommand(['XRANGE', stream, '-', '+']), field)
  }

  /** The same, and deletes the entries in the same step. */
  async take<T = Record<string, unknown>>(stream: string, field: string): Promise<readonly T[]> {
    return valuesOf<T>(await this.client.sendCommand(['EVAL', TAKE, '1', stream]), field)
  }

  get(key: string): Promise<string | null> {
    return this.client.get(key) as Promise<string | null>
  }

  async set(key: string, value: string): Promise<void> {
    await this.client.set(key, value)
  }

  async send(...command: readonly string[]): Promise<unknown> {
    return this.client.sendCommand([...command])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.destroy()
  }
}

function valuesOf<T>(reply: unknown, field: string): readonly T[] {
  return (reply as readonly (readonly [id: string, fields: readonly string[]])[]).map(
    ([, [name, value, ...others]]) => {
      if (name !== field || others.length > 0 || value === undefined)
        throw new Error(`an entry has ${name}`)
      return JSON.parse(value) as T
    },
  )
}

/** Asks again and again, each time of another process. */
export const until = (holds: () => Promise<boolean>): Promise<boolean> =>
  found(async () => (await holds()) || undefined)

/**
 * Asks again and again until there is an answer: as often as it takes no time from those that are
 * asked.
 */
export const found = <T>(ask: () => Promise<T | undefined>): Promise<T> =>
  firstValueFrom(
    timer(0, 20).pipe(
      exhaustMap(ask),
      filter((answer) => answer !== undefined),
    ),
  )

/** An entry of `firehose_live`. */
export interface Written {
  readonly type: string
  readonly seq: number
  readonly did: string
  readonly rev: string
  readonly collection: string
  readonly rkey: string
  readonly cid?: string
}

/** What identifies an operation on the wire, and in an entry. */
export const sentBy = (messages: readonly (FirehoseMessage | Uint8Array)[]) =>
  messages
    .flatMap(opsOf)
    .map(
      ({ seq, did, rev, action, path, cid }) =>
        `${seq} ${did} ${rev} ${action} ${path} ${cid ?? ''}`,
    )
export const operations = (entries: readonly Written[]) =>
  entries
    .filter(({ type }) => ['create', 'update', 'delete'].includes(type))
    .map(
      ({ seq, did, rev, type, collection, rkey, cid = '' }) =>
        `${seq} ${did} ${rev} ${type} ${collection}/${rkey} ${cid}`,
    )
