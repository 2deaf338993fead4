import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import type { RedisClient } from '../../src/redis-client/client.js'

/** A client of each library, connected, as a program makes it. */
export interface OpenClient extends AsyncDisposable {
  readonly client: RedisClient
}

export type Connect = (url: string) => Promise<OpenClient>

async function nodeRedis(url: string): Promise<OpenClient> {
  const client = createClient({ url, socket: { reconnectStrategy: 50 } }).on('error', () => {})
  await client.connect()
  return { client, [Symbol.asyncDispose]: async () => client.destroy() }
}

async function ioRedis(url: string): Promise<OpenClient> {
  const options = {
    retryStrategy: () => 50,
    lazyConnect: true,
    // `disconnect` waits so long for a server that does not answer, and keeps the process.
    disconnectTimeout: 50,
  }
  const client = new Redis(url, options).on('error', () => {})
  await client.connect()
  return { client, [Symbol.asyncDispose]: async () => client.disconnect() }
}

export const clients: readonly (readonly [name: string, connect: Connect])[] = [
  ['@redis/client', nodeRedis],
  ['ioredis', ioRedis],
]
