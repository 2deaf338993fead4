/**
 * Does a slow handler keep memory flat? A handler of 5 ms, a server that offers 5,000 events a
 * second: under the bound the process must stay small and lose nothing, under `drop-oldest` each
 * loss must be told, and with the bound taken out the same check must fail.
 */
import { parseArgs } from 'node:util'
import type { Account, MemoryReading } from './memory/read.js'
import { BOUNDED, CONTROL, DROPPING } from './memory/readers.js'
import { start } from './tools/child.js'
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
const seconds = Number(flags.seconds ?? (flags.quick ? 10 : 60))
// A short run offers more at a time, so that what is not bounded has the time to show it.
const ratePerSecond = Number(flags.rate ?? (flags.quick ? 10_000 : 5000))
const handlerMs = 5
const events = ratePerSecond * seconds
const MAX_GROWTH_MIB = 64

// At once: each has its own server, and all of them mostly wait. What pauses has not received all
// when the offering ends; the others have. The control would take long over what it has queued, and
// need not.
const [bounded, dropping, control] = await Promise.all([
  read(BOUNDED, { receive: 0, settle: events }),
  read(DROPPING, { receive: events, settle: events }),
  read(CONTROL, { receive: events, settle: 0 }),
])
process.exitCode = report()

async function read(
  reader: string,
  until: Pick<MemoryReading, 'receive' | 'settle'>,
): Promise<Account> {
  const offer: Offer = { events, ratePerSecond }
  const server = start<string>('tools/serve', offer)
  const task: MemoryReading = { reader, url: await server.answer(), events, handlerMs, ...until }
  const child = start<Account>('memory/read', task)
  await server.answer()
  child.tell('offered')
  const account = await child.answer()
  await Promise.all([child.stop(), server.stop()])
  return account
}

function report(): number {
  console.log(
    `${whole(events)} events, ${whole(ratePerSecond)} a second for ${seconds} s, a handler ` +
      `of ${handlerMs} ms; then a fast one`,
  )
  const head = ['', 'grew (MiB)', 'to the end (MiB)', 'handled', 'dropped', 'left', 'reconnects']
  console.log(
    `\n${table([head, row(BOUNDED, bounded), row(DROPPING, dropping), row(CONTROL, control)])}\n`,
  )
  const failures = [...lossless(bounded), ...exact(dropping), ...unbounded(control)].filter(
    (failure) => failure !== undefined,
  )
  for (const failure of failures) console.error(`FAILED: ${failure}`)
  if (failures.length === 0)
    console.log(
      `all delivered, all drops told; the bound keeps growth under ` +
        `${MAX_GROWTH_MIB} MiB, and without it the check fails`,
    )
  return failures.length === 0 ? 0 : 1
}

function row(
  name: string,
  { grownBytes, grownInAllBytes, handled, dropped, metrics }: Account,
): readonly string[] {
  const growth = [grownBytes, grownInAllBytes].map((bytes) => mebibytes(bytes).toFixed(0))
  return [
    name,
    ...growth,
    ...[handled, dropped, events - handled - dropped, metrics.reconnects].map(whole),
  ]
}

type Failure = string | undefined

function unless(holds: boolean, failure: string): Failure {
  return holds ? undefined : failure
}

function lossless(account: Account): readonly Failure[] {
  const { handled, dropped, metrics } = account
  return [
    ...complete(BOUNDED, account),
    unless(
      handled === events && dropped === 0,
      `${BOUNDED} handled ${handled} of ${events} events and dropped ${dropped}`,
    ),
    unless(metrics.reconnects > 0, `${BOUNDED} never closed and resumed`),
  ]
}

function exact(account: Account): readonly Failure[] {
  const { dropped, metrics, wrongGaps, untold } = account
  return [
    ...complete(DROPPING, account),
    unless(dropped > 0, `${DROPPING} dropped nothing`),
    unless(
      metrics.dropped === dropped,
      `${DROPPING} dropped ${dropped}, and its metrics say ${metrics.dropped}`,
    ),
    unless(
      wrongGaps === 0 && untold === 0,
      `${DROPPING}: ${wrongGaps} gaps are not the range dropped, ${untold} drops are in none`,
    ),
  ]
}

function complete(
  name: string,
  { handled, dropped, misplaced, metrics, grownBytes }: Account,
): readonly Failure[] {
  const growth = mebibytes(grownBytes)
  return [
    unless(growth < MAX_GROWTH_MIB, `${name} grew by ${growth.toFixed(0)} MiB`),
    unless(misplaced === 0, `${name}: ${misplaced} events were not the next one that was offered`),
    unless(
      handled + dropped === events,
      `${name} handled ${handled} and dropped ${dropped} of ${events} events`,
    ),
    unless(
      metrics.delivered === events,
      `${name} was given ${events} events, and its metrics say ${metrics.delivered}`,
    ),
  ]
}

/** The control: a check that cannot fail proves nothing. */
function unbounded({ grownBytes }: Account): readonly Failure[] {
  const growth = mebibytes(grownBytes)
  return [
    unless(
      growth >= MAX_GROWTH_MIB,
      `without a bound the process grew by ${growth.toFixed(0)} MiB only: the check proves nothing`,
    ),
  ]
}
