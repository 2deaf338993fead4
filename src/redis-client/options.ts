import * as z from '#schema'
import { countUpTo } from '../options/pieces.js'
import { saying } from '../options/saying.js'
import { clientIssue, isRedisClient } from './client.js'

/** A client. No message shows one: it may hold a password, and has too much in it. */
export const redisClient = z
  .unknown()
  .check(saying((value) => (isRedisClient(value) ? undefined : clientIssue(value))))

/** Over how many streams events are spread: as many as a cluster has slots, at most. */
export const partitionCount = countUpTo(16_384)
