export { type RedisCursorStoreOptions, redisCursorStore } from './cursors/redis.js'
export type {
  IoRedisClient,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  NodeRedisSentinelLease,
  RedisClient,
} from './redis-client/client.js'
export type { EntryFormatName } from './redis-entries/entry-format.js'
export {
  type RedisSinkMetrics,
  type RedisSinkStatus,
  redisSinkMetrics,
} from './sinks/redis-streams/metrics.js'
export type { RedisEntryPlace, RedisStreamOptions } from './sinks/redis-streams/options.js'
export { type LabelledSinkMetrics, redisPrometheusText } from './sinks/redis-streams/prometheus.js'
export { type RepartitionOptions, repartition } from './sinks/redis-streams/repartition.js'
export { toRedisStream } from './sinks/redis-streams/to-redis-stream.js'
export type { RedisStreamConfig } from './sources/redis/config.js'
export { redisStream$ } from './sources/redis/redis-stream.js'
