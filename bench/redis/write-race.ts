import { start } from '../tools/child.js'
import type { Finish } from '../tools/race-clock.js'
import { median } from '../tools/statistics.js'
import { table, whole } from '../tools/table.js'
import { type Client, cpuOf } from './fill.js'
import { fail, profiling, type Race } from './race.js'
import type { Writing } from './write.js'
import { type Ids, nameOf, STREAM, WAYS, type Way } from './writers.js'

// To the bare loop, by CPU.
const TARGETS: Readonly<Record<Ids, number>> = { position: 0.9, redis: 0.8 }
const GROSS_FAILURE = 0.3

type Results = ReadonlyMap<Way, readonly Run[]>

interface Run extends Finish {
  /** A hash of what the last entries hold. */
  readonly fields: string
  readonly length: number
  /** User and system time of Redis, for all entries. */
  readonly redisSeconds: number
}

/** Each way writes the same events to an empty stream, in a process of its own. */
export async function raceWriters(race: Race, url: string, client: Client): Promise<void> {
  const ways = WAYS.filter((way) => nameOf(way).includes(race.only))
  const results = new Map<Way, Run[]>(ways.map((way) => [way, []]))
  for (let round = 0; round < race.rounds; round++)
    for (const way of ways) results.get(way)?.push(await writeOnce(race, way, url, client))
  if (ways.length > 0) new WriteReport(race, results).print()
}

async function writeOnce(
  { warmup, entries, profile }: Race,
  way: Way,
  url: string,
  client: Client,
): Promise<Run> {
  await client.flushAll()
  const before = await cpuOf(client)
  const task: Writing = { way, url, warmup, entries }
  const child = start<Finish>('redis/write', task, profiling(profile, nameOf(way)))
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

class WriteReport {
  readonly #all: number

  constructor(
    private readonly race: Race,
    private readonly results: Results,
  ) {
    this.#all = race.warmup + race.entries
  }

  print(): void {
    const head = [
      'written',
      'entries/s',
      'µs of CPU an entry',
      '(least … most)',
      'in Redis',
      'ratio by CPU',
      'by least CPU',
      'by time',
    ]
    const ways = [...this.results.keys()]
    console.log(`\n${table([head, ...ways.map((way) => this.#row(way))])}`)
    console.log(
      '\nratios: to the bare loop of the same client and format, of the same round (least: of ' +
        'the best rounds)',
    )
    for (const way of ways) if (way.ids !== undefined) this.#judge(way, TARGETS[way.ids])
  }

  #row(way: Way): readonly string[] {
    const { entries } = this.race
    const own = this.#runs(way)
    const costs = own.map(this.#cost)
    return [
      nameOf(way),
      whole(median(own.map(({ seconds }) => entries / seconds))),
      median(costs).toFixed(2),
      `(${Math.min(...costs).toFixed(2)} … ${Math.max(...costs).toFixed(2)})`,
      median(own.map(({ redisSeconds }) => (redisSeconds / this.#all) * 1e6)).toFixed(2),
      this.#ratio(way).toFixed(2),
      this.#leastRatio(way).toFixed(2),
      this.#ratio(way, ({ seconds }) => seconds).toFixed(2),
    ]
  }

  /** Microseconds of CPU an entry. */
  readonly #cost = ({ cpuSeconds }: Finish): number => (cpuSeconds / this.race.entries) * 1e6

  #runs(way: Way): readonly Run[] {
    return this.results.get(way) ?? []
  }

  #bare({ client, format }: Way): readonly Run[] {
    for (const [way, runs] of this.results)
      if (way.ids === undefined && way.client === client && way.format === format) return runs
    return []
  }

  #ratio(way: Way, by: (run: Run) => number = this.#cost): number {
    const bare = this.#bare(way)
    return median(this.#runs(way).map((run, round) => by(bare[round] ?? run) / by(run)))
  }

  #leastRatio(way: Way): number {
    const least = (runs: readonly Run[]) => Math.min(...runs.map(this.#cost))
    return least(this.#bare(way)) / least(this.#runs(way))
  }

  /**
   * A slow machine is none; an entry that is missing, doubled or another is one, and so is a third
   * of the speed that there should be.
   */
  #judge(way: Way, target: number): void {
    const [own, bare] = [this.#runs(way), this.#bare(way)]
    const wrong = own.find(({ missing, length }) => missing > 0 || length !== this.#all)
    if (wrong !== undefined)
      fail(
        `${nameOf(way)} missed ${wrong.missing}; the stream has ` +
          `${wrong.length} of ${this.#all} entries`,
      )
    if (bare.length > 0 && own[0]?.fields !== bare[0]?.fields)
      fail(`${nameOf(way)} wrote other entries than the bare loop`)
    const speed = Math.max(this.#ratio(way), this.#leastRatio(way))
    const words = `${nameOf(way)} is at ${speed.toFixed(2)} of the bare loop by CPU`
    if (speed < GROSS_FAILURE) fail(`${words}, and less than ${GROSS_FAILURE} is no noise`)
    else if (speed < target) console.log(`${words} (target ${target})`)
  }
}
