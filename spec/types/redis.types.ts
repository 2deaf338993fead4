import { createClient, createClientPool, createCluster, createSentinel } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import { of } from 'rxjs'
import { type RedisClient, toRedisStream } from 'rxjs-atproto/redis'
import { exactly } from './expect-type.js'

// Clients of both libraries, of either protocol, their sentinels and clusters.
export const accepted: readonly RedisClient[] = [
  createClient(),
  createClient({ RESP: 2, commandOptions: { timeout: 1 } }),
  createClient({ RESP: 3 }),
  createCluster({ rootNodes: [] }),
  createSentinel({ name: 'main', sentinelRootNodes: [] }),
  new Redis(),
  new Cluster([]),
]

export const refused: readonly RedisClient[] = [
  // @ts-expect-error a pool has no connection to duplicate
  createClientPool(),
  // @ts-expect-error a URL is not a client
  'redis://localhost',
  // @ts-expect-error nor are its options
  { host: 'localhost', port: 6379 },
]

// Events come out as they went in, and the options know them.
of({ did: 'did:plc:a', n: 1 })
  .pipe(
    toRedisStream({
      client: createClient(),
      stream: 'stream',
      partitionBy: (event) => String(exactly<typeof event, { did: string; n: number }>(true)),
      id: (event) => ({ position: event.n }),
    }),
  )
  .subscribe((event) => exactly<typeof event, { did: string; n: number }>(true))
