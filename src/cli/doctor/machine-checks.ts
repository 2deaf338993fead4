import { access, constants } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { readCursorFile } from '../../cursors/file.js'
import { described } from '../cursor-fields.js'
import { readPosition } from '../stored-position.js'
import { duration } from '../text.js'
import { type Finding, note, well, within, wrong } from './finding.js'

const REDIS_MS = 4000

/** Whether Redis answers. */
export const checkRedis = (url: string): Promise<Finding> =>
  within(
    REDIS_MS + 500,
    redisFinding(url),
    wrong('Redis', `no answer within ${duration(REDIS_MS)}`, REDIS_NETWORK),
  )

const REDIS_NETWORK = 'check the host, the port and the network; a rediss:// URL is for TLS'

async function redisFinding(url: string): Promise<Finding> {
  const redis = await import('@redis/client').catch(() => undefined)
  if (redis === undefined)
    return wrong('Redis', 'the package @redis/client is missing', 'npm install @redis/client')
  const startedAt = performance.now()
  try {
    const client = redis.createClient({
      url,
      socket: { reconnectStrategy: false, connectTimeout: REDIS_MS },
    })
    // `connect` rejects with it as well.
    client.on('error', () => {})
    await client.connect()
    const ms = performance.now() - startedAt
    const [, version = 'of an unknown version'] =
      /^redis_version:(\S+)/m.exec(await client.info('server').catch(() => '')) ?? []
    client.destroy()
    return well('Redis', `${version}, connected after ${duration(ms)}`)
  } catch (error) {
    return wrong('Redis', (error as Error).message || 'it cannot be reached', redisRemedy(error))
  }
}

const redisRemedy = (error: unknown): string =>
  /^(WRONGPASS|NOAUTH|NOPERM)/.test((error as Error).message)
    ? 'check the name and the password in the URL, and the rights of that user'
    : REDIS_NETWORK

const STOPPED = 'stop that program, or give this one a file of its own'

/** Whether a run could use the cursor file. */
export async function checkCursorFile(path: string): Promise<Finding> {
  const name = 'cursor file'
  try {
    const { saved, lock } = await readCursorFile(path)
    if (lock?.process === 'runs')
      return wrong(name, `process ${lock.pid} on ${lock.host} uses it`, STOPPED)
    await access(dirname(resolve(path)), constants.W_OK)
    if (lock?.process === 'unknown')
      return note(
        name,
        `process ${lock.pid} on ${lock.host} may use it: see rxjs-atproto cursor show`,
      )
    if (saved === undefined) return well(name, 'no position yet: the next run starts at --cursor')
    return well(name, `at ${described(readPosition(saved.position), Date.now())}`)
  } catch (error) {
    const { code } = error as { readonly code?: string }
    const message = (error as Error).message
    return code === 'CURSOR_STORE'
      ? wrong(name, message, 'see rxjs-atproto explain CURSOR_STORE')
      : wrong(name, message, 'let this user write to the folder')
  }
}
