/**
 * Does a stopped Redis keep memory flat? A server that offers events at a steady rate, a sink, and
 * a Redis that answers nothing for a minute and then goes on: the process must stay small
 * meanwhile, and afterwards everything must be in the stream, once and in order. With the bound
 * taken out the same check must fail.
 */
import { parseArgs } from 'node:util'
import { generateEvents } from 'rxjs-atproto/testing'
import { type Client, connected } from './redis/fill.js'
import type { HeldSample, Holding } from './redis/hold.js'
import { BOUNDED, CONTROL, HELD } from './redis/holders.js'
import { type Child, start } from './tools/child.js'
import { startRedis } from './tools/redis-server.js'
import type { Offer } from './tools/serve.js'
import { mebibytes } from './tools/statistics.js'
import { table, whole } from './tools/table.js'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    rate: { type: 'string' },
  },
})
const seconds = Number(flags.seconds ?? (flags.quick ? 6 : 60))
// A short run offers more at a time, so that what is not bounded has the time to show it.
const ratePerSecond = Number(flags.rate ?? (flags.quick ? 20_000 : 4000))
const events = ratePerSecond * seconds
const MAX_GROWTH_MIB = 64
const PAGE = 5000

interface Running {
  readonly child: Child<'writing' | HeldSample>
  /** Settles when all events are offered. */
  offered(): Promise<unknown>
  held(): Promise<HeldSample>
  stop(): Promise<unknown>
}

const redis = await startRedis()
if (redis !== undefined) {
  const client = await connected(redis.url)
  // What is bounded never has received all while Redis is stopped; what is not has.
  const [bounded, control] = await Promise.all([
    run(BOUNDED, redis.url, 2 * events),
    run(CONTROL, redis.url, events),
  ])
  redis.freeze()
  for (const { child } of [bounded, control]) child.tell('stopped')
  await Promise.all([bounded.offered(), control.offered()])
  const queued = await control.held()
  // It would take long over what it has queued, and need not.
  await control.stop()
  redis.thaw()
  bounded.child.tell('going on')
  report(await bounded.held(), queued, await comparedWithOffered(client))
  client.destroy()
  await bounded.stop()
  await redis.stop()
}

/** Resolves when it writes. */
async function run(holder: string, redisUrl: string, receive: number): Promise<Running> {
  const offer: Offer = { events, ratePerSecond }
  const server = start<string>('tools/serve', offer)
  const task: Holding = { holder, url: await server.answer(), redisUrl, events, receive }
  const child = start<'writing' | HeldSample>('redis/hold', task)
  await child.answer()
  return {
    child,
    offered: () => server.answer(),
    held: () => child.answer() as Promise<HeldSample>,
    stop: () => Promise.all([child.stop(), server.stop()]),
  }
}

/** How many entries are not the next one that was offered, and how many events are in none. */
async function comparedWithOffered(client: Client): Promise<number> {
  const offered = generateEvents({ count: events })
  let misplaced = 0
  for await (const text of entriesOf(client)) {
    const { did, time_us } = JSON.parse(text) as { readonly did: string; readonly time_us: number }
    const next = offered.next().value
    if (next?.did !== did || next.time_us !== time_us) misplaced += 1
  }
  return misplaced + [...offered].length
}

async function* entriesOf(client: Client): AsyncGenerator<string> {
  let from = '-'
  while (true) {
    const page = (await client.xRange(HELD, from, '+', { COUNT: PAGE })) ?? []
    for (const entry of page) yield entry?.message.event ?? '{}'
    const last = page.at(-1)
    if (!last) return
    from = `(${last.id}`
  }
}

function report(bounded: HeldSample, control: HeldSample, misplaced: number): void {
  console.log(
    `${whole(events)} events, ${whole(ratePerSecond)} a second; Redis answers nothing ` +
      `meanwhile, and then goes on`,
  )
  const row = (name: string, { grownBytes, grownInAllBytes, written }: HeldSample) => [
    name,
    mebibytes(grownBytes).toFixed(0),
    mebibytes(grownInAllBytes).toFixed(0),
    whole(written),
  ]
  const head = ['', 'grew (MiB)', 'to the end (MiB)', 'written']
  console.log(`\n${table([head, row(BOUNDED, bounded), row(CONTROL, control)])}\n`)
  const [grown, without] = [bounded, control].map(({ grownBytes }) => mebibytes(grownBytes)) as [
    number,
    number,
  ]
  unless(grown < MAX_GROWTH_MIB, `${BOUNDED} grew by ${grown.toFixed(0)} MiB`)
  unless(bounded.written === events, `${BOUNDED} wrote ${bounded.written} of ${events} events`)
  unless(
    misplaced === 0,
    `${BOUNDED}: ${misplaced} entries are missing, or are not the next one that was offered`,
  )
  // The control: a check that cannot fail proves nothing.
  unless(
    without >= MAX_GROWTH_MIB,
    `without a bound the process grew by ${without.toFixed(0)} MiB only: the check proves nothing`,
  )
  if (process.exitCode === undefined)
    console.log(
      `everything is in the stream, once and in order; growth stays under ` +
        `${MAX_GROWTH_MIB} MiB, and without a bound the check fails`,
    )
}

function unless(holds: boolean, failure: string): void {
  if (holds) return
  console.error(`FAILED: ${failure}`)
  process.exitCode = 1
}
