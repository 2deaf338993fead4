/**
 * How fast is toRedisStream, beside a bare loop of pipelined XADDs with the same client that writes
 * the same entries; and how fast do one and two processes read them back through a group? A
 * redis-server of its own; each writer and reader is a process of its own, in rounds so that a slow
 * moment of the machine meets all of them.
 */
import { cpus } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Client, connected, fill, isSettled } from './redis/fill.js'
import type { Read, Reading } from './redis/read.js'
import type { Writing } from './redis/write.js'
import { nameOf, STREAM, WAYS, type Way } from './redis/writers.js'
import { type Child, start } from './tools/child.js'
import type { Finish } from './tools/race-clock.js'
import { type BenchRedis, startRedis } from './tools/redis-server.js'
import { median } from './tools/statistics.js'
import { table, whole } from './tools/table.js'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    entries: { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string', default: '' },
    profile: { type: 'boolean', default: false },
  },
})
const entries = Number(flags.entries ?? (flags.quick ? 10_000 : 100_000))
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 5))
const warmup = Math.min(20_000, entries / 2)
const ways = WAYS.filter((way) => nameOf(way).includes(flags.only))
const TARGET = 0.8
const GROSS_FAILURE = 0.3
const PARTITIONS = 4
const LEASE_MS = 3000
// Readers that got no further for so long will not.
const STUCK_AFTER_MS = 30_000
const GROUP = 'readers'

const redis = await startRedis()
if (redis !== undefined) {
  const client = await connected(redis.url)
  console.log(
    `${whole(entries)} entries of about 500 bytes after ${whole(warmup)} to warm up, ` +
      `${rounds} rounds, medians`,
  )
  console.log(`Node ${process.version}, ${cpus()[0]?.model.trim()} × ${cpus().length}`)
  reportWriting(await writeAll(redis, client))
  for (const processes of [1, 2]) await readBack(redis, client, processes)
  client.destroy()
  await redis.stop()
}

type Results = ReadonlyMap<Way, readonly Run[]>

interface Run extends Finish {
  /** A hash of what the last entries hold. */
  readonly fields: string
  readonly length: number
  /** User and system time of Redis, for all entries. */
  readonly redisSeconds: number
}

// --- Writing ---

async function writeAll({ url }: BenchRedis, client: Client): Promise<Results> {
  const all = new Map<Way, Run[]>(ways.map((way) => [way, []]))
  for (let round = 0; round < rounds; round++)
    for (const way of ways) all.get(way)?.push(await writeOnce(way, url, client))
  return all
}

async function writeOnce(way: Way, url: string, client: Client): Promise<Run> {
  await client.flushAll()
  const before = await cpuOf(client)
  const task: Writing = { way, url, warmup, entries }
  const file = nameOf(way).replaceAll(/[^a-zA-Z]+/g, '-')
  const profiling = flags.profile
    ? ['--cpu-prof', '--cpu-prof-dir=.tmp/profiles', `--cpu-prof-name=${file}.cpuprofile`]
    : []
  const child = start<Finish>('redis/write', task, profiling)
  const written = await child.answer()
  await child.stop()
  const redisSeconds = (await cpuOf(client)) - before
  const last = (await client.xRevRange(STREAM, '+', '-', { COUNT: 1000 })) ?? []
  return {
    ...written,
    redisSeconds,
    length: await client.xLen(STREAM),
    fields: JSON.stringify(last.map((entry) => entry?.message)),
  }
}

async function cpuOf(client: Client): Promise<number> {
  const info = await client.info('cpu')
  const seconds = [/^used_cpu_user:(.*)$/m, /^used_cpu_sys:(.*)$/m].map((line) =>
    Number(line.exec(info)?.[1] ?? Number.NaN),
  )
  return seconds.reduce((sum, value) => sum + value)
}

function reportWriting(results: Results): void {
  const head = [
    '',
    'entries/s',
    'µs of CPU an entry',
    '(least … most)',
    'in Redis',
    'ratio by CPU',
    'by least CPU',
    'by time',
  ]
  console.log(`\n${table([head, ...ways.map((way) => row(results, way))])}`)
  console.log(
    '\nratios: to the bare loop of the same client and format, of the same round (least: of ' +
      'the best rounds)',
  )
  for (const way of ways) judge(results, way)
}

function row(results: Results, way: Way): readonly string[] {
  const own = results.get(way) ?? []
  const costs = own.map(cost)
  return [
    nameOf(way),
    whole(median(own.map(({ seconds }) => entries / seconds))),
    median(costs).toFixed(2),
    `(${Math.min(...costs).toFixed(2)} … ${Math.max(...costs).toFixed(2)})`,
    median(own.map(({ redisSeconds }) => (redisSeconds / (warmup + entries)) * 1e6)).toFixed(2),
    ratio(results, way).toFixed(2),
    leastRatio(results, way).toFixed(2),
    ratio(results, way, ({ seconds }) => seconds).toFixed(2),
  ]
}

/** Microseconds of CPU an entry. */
function cost({ cpuSeconds }: Finish): number {
  return (cpuSeconds / entries) * 1e6
}

function bareOf(results: Results, { client, format }: Way): readonly Run[] {
  const bare = ways.find(
    (way) => way.ids === undefined && way.client === client && way.format === format,
  )
  return (bare && results.get(bare)) ?? []
}

function ratio(results: Results, way: Way, by = cost): number {
  const bare = bareOf(results, way)
  return median(
    (results.get(way) ?? []).map((result, round) => by(bare[round] ?? result) / by(result)),
  )
}

function leastRatio(results: Results, way: Way): number {
  const least = (runs: readonly Run[]) => Math.min(...runs.map(cost))
  return least(bareOf(results, way)) / least(results.get(way) ?? [])
}

/**
 * A slow machine is none; an entry that is missing, doubled or another is one, and so is half of
 * the speed that there should be.
 */
function judge(results: Results, way: Way): void {
  if (way.ids === undefined) return
  const [own, bare] = [results.get(way) ?? [], bareOf(results, way)]
  const wrong = own.find(({ missing, length }) => missing > 0 || length !== warmup + entries)
  if (wrong !== undefined)
    fail(
      `${nameOf(way)} missed ${wrong.missing}; the stream has ` +
        `${wrong.length} of ${warmup + entries} entries`,
    )
  if (own[0]?.fields !== bare[0]?.fields)
    fail(`${nameOf(way)} wrote other entries than the bare loop`)
  const speed = Math.max(ratio(results, way), leastRatio(results, way))
  const words =
    `${nameOf(way)} is at ${speed.toFixed(2)} of the bare loop by CPU ` + `(target ${TARGET})`
  if (speed < GROSS_FAILURE) fail(`${words}, and less than ${GROSS_FAILURE} is no noise`)
  else if (speed < TARGET) console.log(words)
}

// --- Reading ---

async function readBack({ url }: BenchRedis, client: Client, processes: number): Promise<void> {
  await client.flushAll()
  const stream = `read by ${processes}`
  const streams = Array.from({ length: PARTITIONS }, (_, partition) => `${stream}{${partition}}`)
  const readers = Array.from({ length: processes }, (_, n) => {
    const task: Reading = {
      url,
      stream,
      partitions: PARTITIONS,
      group: GROUP,
      consumer: `reader ${n}`,
      leaseMs: LEASE_MS,
    }
    return start<'reading' | 'counting' | Read>('redis/read', task)
  })
  const filled = await warmUp(client, streams, readers)
  for (const reader of readers) reader.tell('count')
  await Promise.all(readers.map((reader) => reader.answer()))
  const beganAt = performance.now()
  await fill(client, streams, filled + 1, entries)
  await settled(client, streams)
  const seconds = (performance.now() - beganAt) / 1000
  for (const reader of readers) reader.tell('stop')
  const reads = (await Promise.all(readers.map((reader) => reader.answer()))) as Read[]
  await Promise.all(readers.map((reader) => reader.stop()))
  reportReading(processes, seconds, reads)
}

/** Until each of them has read something: the partitions are shared then. */
async function warmUp(
  client: Client,
  streams: readonly string[],
  readers: readonly Child<unknown>[],
): Promise<number> {
  let reading = 0
  for (const reader of readers)
    void reader.answer().then(() => {
      reading += 1
    })
  let filled = 0
  while (reading < readers.length || filled < warmup) {
    await fill(client, streams, filled + 1, 1000)
    filled += 1000
    await settled(client, streams)
  }
  return filled
}

async function settled(client: Client, streams: readonly string[]): Promise<void> {
  const beganAt = performance.now()
  while (!(await isSettled(client, streams, GROUP))) {
    await pause(5)
    if (performance.now() - beganAt > STUCK_AFTER_MS)
      throw new Error('readers left entries unread, or unacked')
  }
}

function reportReading(processes: number, seconds: number, reads: readonly Read[]): void {
  const positions = reads.flatMap((read) => read.positions)
  const cpu = (reads.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) / entries) * 1e6
  const shares = reads.map((read) => whole(read.positions.length)).join(' + ')
  console.log(
    `\nread back by ${processes} of them, and acked: ${whole(entries / seconds)} entries/s, ` +
      `${cpu.toFixed(2)} µs of CPU an entry (${shares})`,
  )
  const distinct = new Set(positions).size
  if (distinct !== entries) fail(`${processes} readers saw ${distinct} of ${entries} entries`)
  if (positions.length !== distinct)
    console.log(`${positions.length - distinct} of them came twice`)
}

function fail(failure: string): void {
  console.error(`FAILED: ${failure}`)
  process.exitCode = 1
}
