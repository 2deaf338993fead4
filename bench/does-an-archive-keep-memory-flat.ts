/**
 * Does an archive keep memory flat? `archive$` over segments of 16 MB, with a handler that stands
 * still for a while: the process must stay within 96 MiB of one that has read a little. With
 * nothing that bounds the downloads the same check must fail.
 */
import { parseArgs } from 'node:util'
import type { ArchiveAccount, ArchiveReading } from './archive/read.js'
import type { SparseArchive, SparseArchiveAnswer } from './archive/serve.js'
import { start } from './tools/child.js'
import { runOnNode24 } from './tools/node24.js'
import { mebibytes } from './tools/statistics.js'
import { table, whole } from './tools/table.js'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    megabytes: { type: 'string' },
    node24: { type: 'boolean', default: false },
  },
})
const QUICK_MB = 200
const megabytes = Number(flags.megabytes ?? (flags.quick ? QUICK_MB : 2000))
const PAUSE_MS = 2000
// The control takes as long as it needs to be caught, on whatever machine.
const MOST_PAUSE_MS = 60_000
const MAX_GROWTH_MIB = 96
const enoughBytes = 1.2 * MAX_GROWTH_MIB * 2 ** 20

const SIZES = { segmentMegabytes: 16, rowsPerBlock: 1024, textBytes: 1500 }

if (flags.node24) runOnNode24(import.meta.url)
else await measure()

async function measure(): Promise<void> {
  const bounded = await read(megabytes, { hasWindow: true, pauseMs: PAUSE_MS })
  const control = await read(QUICK_MB, { hasWindow: false, pauseMs: MOST_PAUSE_MS })
  const head = ['', 'MB', 'rows', 'warm (MiB)', 'grew (MiB)']
  const rows = [row('archive$', megabytes, bounded), row('archive$, no window', QUICK_MB, control)]
  console.log(`${table([head, ...rows])}\n`)
  const failures = [
    bounded.handled === bounded.rows ? '' : `it handled ${bounded.handled} of ${bounded.rows} rows`,
    bounded.hasPaused ? '' : 'it was never paused',
    growthOf(bounded) < MAX_GROWTH_MIB ? '' : `it grew by ${growthOf(bounded).toFixed(0)} MiB`,
    growthOf(control) >= MAX_GROWTH_MIB
      ? ''
      : `without a window it grew by ${growthOf(control).toFixed(0)} MiB: the check proves nothing`,
  ].filter((failure) => failure !== '')
  for (const failure of failures) console.error(`FAILED: ${failure}`)
  if (failures.length > 0) process.exitCode = 1
  else console.log(`it stays within ${MAX_GROWTH_MIB} MiB; without a window it does not`)
}

type Account = ArchiveAccount & Pick<SparseArchiveAnswer, 'rows'>

async function read(
  size: number,
  how: Pick<ArchiveReading, 'hasWindow' | 'pauseMs'>,
): Promise<Account> {
  const archive: SparseArchive = { megabytes: size, ...SIZES }
  const server = start<SparseArchiveAnswer>('archive/serve', archive)
  const { host, rows } = await server.answer()
  const reader = start<ArchiveAccount>('archive/read', {
    host,
    rows,
    enoughBytes,
    ...how,
  } satisfies ArchiveReading)
  const account = await reader.answer()
  await Promise.all([reader.stop(), server.stop()])
  return { ...account, rows }
}

function growthOf({ grownBytes }: ArchiveAccount): number {
  return mebibytes(grownBytes)
}

function row(name: string, size: number, account: Account): readonly string[] {
  const growth = [account.warmBytes, account.grownBytes].map((bytes) => mebibytes(bytes).toFixed(0))
  return [name, whole(size), whole(account.handled), ...growth]
}
