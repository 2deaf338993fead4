import { createClient, createClientPool, createCluster } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import type { RedisClient } from 'rxjs-atproto/redis'

// Clients of both libraries, of either protocol, their pools and clusters.
export const accepted: readonly RedisClient[] = [
  createClient(),
  createClient({ RESP: 2, commandOptions: { timeout: 1 } }),
  createClient({ RESP: 3 }),
  createCluster({ rootNodes: [] }),
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
