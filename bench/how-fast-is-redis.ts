/**
 * How fast is toRedisStream, beside a bare loop of pipelined XADDs with the same client that writes
 * the same entries; and how fast do one and two processes read them back through a group, beside a
 * bare loop of XREADGROUP and XACK? A redis-server of its own; each writer and reader is a process
 * of its own, in rounds so that a slow moment of the machine meets all of them.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { connected } from './redis/fill.js'
import type { Race } from './redis/race.js'
import { raceReaders } from './redis/read-race.js'
import { raceWriters } from './redis/write-race.js'
import { startRedis } from './tools/redis-server.js'
import { whole } from './tools/table.js'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    entries: { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string', default: '' },
    profile: { type: 'boolean', default: false },
  },
})
const entries = Number(flags.entries ?? (flags.quick ? 10_000 : 60_000))
const race: Race = {
  entries,
  warmup: Math.min(20_000, entries / 2),
  rounds: Number(flags.rounds ?? (flags.quick ? 1 : 5)),
  only: flags.only,
  profile: flags.profile,
}

const redis = await startRedis()
if (redis !== undefined) {
  const client = await connected(redis.url)
  console.log(
    `${whole(race.entries)} different entries of about 500 bytes after ${whole(race.warmup)} to ` +
      `warm up, ${race.rounds} rounds, medians`,
  )
  console.log(`Node ${process.version}, ${cpus()[0]?.model.trim()} × ${cpus().length}`)
  await raceWriters(race, redis.url, client)
  await raceReaders(race, redis.url, client)
  client.destroy()
  await redis.stop()
}
