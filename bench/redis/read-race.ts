import { setTimeout as pause } from 'node:timers/promises'
import type { FirehoseEvent } from 'rxjs-atproto'
import { type Child, start } from '../tools/child.js'
import { median } from '../tools/statistics.js'
import { table, whole } from '../tools/table.js'
import { distinctEvents, take } from './events.js'
import { type Client, cpuOf, fill, isSettled } from './fill.js'
import { fail, profiling, type Race } from './race.js'
import type { Read } from './read.js'
import { GROUP, type Reading, streamsOf } from './readers.js'

/** One way to read: a bare loop or ours, over one stream or its partitions. */
interface ReadWay {
  readonly isBare: boolean
  readonly partitions: number | undefined
  readonly processes: number
}

const WAYS: readonly ReadWay[] = [undefined, 4].flatMap((partitions) =>
  [1, 2].flatMap((processes) =>
    [true, false].map((isBare): ReadWay => ({ isBare, partitions, processes })),
  ),
)

const nameOf = ({ isBare, partitions, processes }: ReadWay): string =>
  `${isBare ? 'bare XREADGROUP, XACK' : 'redisStream$'}, ` +
  `${partitions === undefined ? 'one stream' : `${partitions} partitions`}, ` +
  `${processes} ${processes === 1 ? 'process' : 'processes'}`

const TARGET = 0.8
const GROSS_FAILURE = 0.2
// Readers that got no further for so long will not.
const STUCK_AFTER_MS = 30_000
const ASK_EVERY_MS = 10

interface ReadRun {
  readonly seconds: number
  /** Of all processes together. */
  readonly cpuSeconds: number
  readonly redisSeconds: number
  /** How many entries each process had. */
  readonly shares: readonly number[]
}

type Results = ReadonlyMap<ReadWay, readonly ReadRun[]>

/** Each way reads the same entries back, and acks them. */
export async function raceReaders(race: Race, url: string, client: Client): Promise<void> {
  const ways = WAYS.filter((way) => nameOf(way).includes(race.only))
  const results = new Map<ReadWay, ReadRun[]>(ways.map((way) => [way, []]))
  for (let round = 0; round < race.rounds; round++)
    for (const way of ways) results.get(way)?.push(await readOnce(race, way, url, client))
  if (ways.length > 0) report(race, results)
}

async function readOnce(race: Race, way: ReadWay, url: string, client: Client): Promise<ReadRun> {
  await client.flushAll()
  const { partitions, processes, isBare } = way
  const streams = streamsOf('read', partitions)
  const events = distinctEvents()
  const readers = Array.from({ length: processes }, (_, process) => {
    const task: Reading = { url, stream: 'read', partitions, process, processes, isBare }
    const flags = profiling(race.profile, `${nameOf(way)} ${process}`)
    return start<'reading' | 'counting' | Read>('redis/read', task, flags)
  })
  await warmUp(race.warmup, events, client, streams, readers)
  for (const reader of readers) reader.tell('count')
  await Promise.all(readers.map((reader) => reader.answer()))
  await fillUnseen(take(race.entries, events), client, streams, readers)
  const [beganAt, cpuBefore] = [performance.now(), await cpuOf(client)]
  for (const reader of readers) reader.thaw()
  await settled(client, streams)
  const seconds = (performance.now() - beganAt) / 1000
  const redisSeconds = (await cpuOf(client)) - cpuBefore
  for (const reader of readers) reader.tell('stop')
  const reads = (await Promise.all(readers.map((reader) => reader.answer()))) as readonly Read[]
  await Promise.all(readers.map((reader) => reader.stop()))
  judge(race, way, reads)
  return {
    seconds,
    redisSeconds,
    cpuSeconds: reads.reduce((sum, read) => sum + read.cpuSeconds, 0),
    shares: reads.map(({ positions }) => positions.length),
  }
}

/** Until each of them has read something: the partitions are shared then. */
async function warmUp(
  least: number,
  events: Iterator<FirehoseEvent>,
  client: Client,
  streams: readonly string[],
  readers: readonly Child<unknown>[],
): Promise<void> {
  let reading = 0
  for (const reader of readers)
    void reader.answer().then(() => {
      reading += 1
    })
  for (let filled = 0; reading < readers.length || filled < least; filled += 1000) {
    await fill(client, streams, take(1000, events))
    await settled(client, streams)
  }
}

/** All entries are there when the first is read: what fills takes no time from who reads. */
async function fillUnseen(
  events: readonly FirehoseEvent[],
  client: Client,
  streams: readonly string[],
  readers: readonly Child<unknown>[],
): Promise<void> {
  for (const reader of readers) reader.freeze()
  await fill(client, streams, events)
}

async function settled(client: Client, streams: readonly string[]): Promise<void> {
  const beganAt = performance.now()
  while (!(await isSettled(client, streams, GROUP))) {
    await pause(ASK_EVERY_MS)
    if (performance.now() - beganAt > STUCK_AFTER_MS)
      throw new Error('readers left entries unread, or unacked')
  }
}

function judge({ entries }: Race, way: ReadWay, reads: readonly Read[]): void {
  const positions = reads.flatMap((read) => read.positions)
  const distinct = new Set(positions).size
  if (distinct !== entries) fail(`${nameOf(way)}: ${distinct} of ${entries} entries were read`)
  if (positions.length !== distinct)
    console.log(`${nameOf(way)}: ${positions.length - distinct} entries came twice`)
}

function report({ entries }: Race, results: Results): void {
  const head = [
    'read back and acked',
    'entries/s',
    'µs of CPU an entry',
    'in Redis',
    'ratio by CPU',
    'by time',
    'shares',
  ]
  const perEntry = (seconds: number) => (seconds / entries) * 1e6
  const rows = [...results].map(([way, runs]) => [
    nameOf(way),
    whole(median(runs.map(({ seconds }) => entries / seconds))),
    median(runs.map(({ cpuSeconds }) => perEntry(cpuSeconds))).toFixed(2),
    median(runs.map(({ redisSeconds }) => perEntry(redisSeconds))).toFixed(2),
    ratio(results, way, ({ cpuSeconds }) => cpuSeconds).toFixed(2),
    ratio(results, way, ({ seconds }) => seconds).toFixed(2),
    (runs.at(-1)?.shares ?? []).map(whole).join(' + '),
  ])
  console.log(`\n${table([head, ...rows])}`)
  console.log('\nratios: to the bare loop over the same streams in as many processes')
  for (const way of results.keys()) if (!way.isBare) judgeSpeed(results, way)
}

function ratio(results: Results, way: ReadWay, by: (run: ReadRun) => number): number {
  const [, bare = []] =
    [...results].find(
      ([{ isBare, partitions, processes }]) =>
        isBare && partitions === way.partitions && processes === way.processes,
    ) ?? []
  return median((results.get(way) ?? []).map((run, round) => by(bare[round] ?? run) / by(run)))
}

function judgeSpeed(results: Results, way: ReadWay): void {
  const speed = ratio(results, way, ({ cpuSeconds }) => cpuSeconds)
  const words = `${nameOf(way)} is at ${speed.toFixed(2)} of the bare loop by CPU`
  if (speed < GROSS_FAILURE) fail(`${words}, and less than ${GROSS_FAILURE} is no noise`)
  else if (speed < TARGET) console.log(`${words} (target ${TARGET})`)
}
