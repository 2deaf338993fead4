/**
 * Does a hostile frame stay cheap? The largest frames of each shape that costs a parser most,
 * through every wire: none may take more than 64 MiB or block for 100 ms, and the events around it
 * must come. A bare loop around JSON.parse is the control, and must be caught.
 */
import { parseArgs } from 'node:util'
import type { HostileCost, HostileReading } from './hostile/read.js'
import { SHAPES } from './hostile/shapes.js'
import { start } from './tools/child.js'
import { mebibytes } from './tools/statistics.js'
import { table } from './tools/table.js'

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
})
const MAX_GROWTH_MIB = 64
const MAX_BLOCK_MS = 100
// The least of so many runs: a busy machine adds to each of them, and takes from none.
const RUNS = 3
const WARM_UP = 2000
const CONTROL = 'bare'
const LET_THROUGH = 'as many'
const READERS = ['v1', 'v1 lazy', 'v2', 'v2 lazy', 'tap', 'firehose', 'labels', 'listing', CONTROL]
// In a short run, the shapes that cost most without the bound.
const QUICK = ['lists in lists', 'empty objects']
const shapes = Object.keys(SHAPES).filter((shape) => !flags.quick || QUICK.includes(shape))
const readers = READERS.filter((reader) => reader.includes(flags.only) || reader === CONTROL)

const costs = new Map<string, HostileCost>()
for (const reader of readers)
  for (const shape of shapes) costs.set(`${reader} ${shape}`, await leastOf(reader, shape))
process.exitCode = report()

async function leastOf(reader: string, shape: string): Promise<HostileCost> {
  let least = await measure(reader, shape)
  for (let run = 1; run < RUNS && isDear(least); run += 1)
    least = lesser(least, await measure(reader, shape))
  return least
}

/** What is within the bounds is built, and takes the time of its parser: that of the control. */
function isTooDear(shape: string, cost: HostileCost): boolean {
  return isDear(shape.startsWith(LET_THROUGH) ? { ...cost, blockedMs: 0 } : cost)
}

function lesser(a: HostileCost, b: HostileCost): HostileCost {
  const grownBytes = Math.min(a.grownBytes, b.grownBytes)
  return { grownBytes, blockedMs: Math.min(a.blockedMs, b.blockedMs), rejects: b.rejects }
}

async function measure(reader: string, shape: string): Promise<HostileCost> {
  const wire = reader === CONTROL ? 'v1' : reader.replace(' lazy', '')
  const server = start<string>('hostile/serve', { wire, shape })
  const task: HostileReading = {
    reader,
    url: await server.answer(),
    warmUp: wire === 'listing' ? 2 : WARM_UP,
  }
  const child = start<'warm' | HostileCost>('hostile/read', task)
  await child.answer()
  server.tell('go')
  const cost = (await child.answer()) as HostileCost
  await Promise.all([child.stop(), server.stop()])
  return cost
}

function isDear({ grownBytes, blockedMs }: HostileCost): boolean {
  return mebibytes(grownBytes) > MAX_GROWTH_MIB || blockedMs > MAX_BLOCK_MS
}

function report(): number {
  const cell = ({ grownBytes, blockedMs }: HostileCost): string =>
    `${mebibytes(grownBytes).toFixed(0)} MiB, ${blockedMs.toFixed(0)} ms`
  const costOf = (reader: string, shape: string): HostileCost =>
    costs.get(`${reader} ${shape}`) as HostileCost
  const rows = readers.map((reader) => [
    reader,
    ...shapes.map((shape) => cell(costOf(reader, shape))),
  ])
  console.log(`${table([['', ...shapes], ...rows])}\n`)
  const dear = readers.flatMap((reader) =>
    shapes
      .filter((shape) => reader !== CONTROL && isTooDear(shape, costOf(reader, shape)))
      .map((shape) => `${reader}: ${shape}`),
  )
  for (const one of dear)
    console.error(`FAILED: ${one} costs more than ${MAX_GROWTH_MIB} MiB or ${MAX_BLOCK_MS} ms`)
  const isCaught = shapes.some((shape) => isDear(costOf(CONTROL, shape)))
  if (!isCaught)
    console.error('FAILED: the control costs no more than that: the check proves nothing')
  if (dear.length === 0 && isCaught) console.log('each is within the bounds; a bare loop is not')
  return dear.length === 0 && isCaught ? 0 : 1
}
