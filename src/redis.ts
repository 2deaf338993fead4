export type { IoRedisClient, NodeRedisClient, NodeRedisCluster, RedisClient } from './redis/client.js'
