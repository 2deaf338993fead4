import type { RedisCommands } from '../../src/redis-client/client.js'
import type { Ids } from '../../src/sinks/redis-streams/ids.js'
import { SinkCounts } from '../../src/sinks/redis-streams/metrics.js'
import type { Row } from '../../src/sinks/redis-streams/row.js'
import { StreamWriter } from '../../src/sinks/redis-streams/stream-writer.js'

const MIB = 1024 * 1024
const rows = (count: number, size: number): readonly Row[] =>
  Array.from({ length: count }, (_, position) => ({
    place: { host: '', position, index: 0, copy: 0 },
    field: ['event', 'x'.repeat(size)],
    id: '',
  }))

/** Writes the rows, and returns how many went at once. */
async function batchesOf(given: readonly Row[]): Promise<readonly number[]> {
  const batches: number[] = []
  const ids: Ids = {
    open: async () => {},
    append: async ({ length }) => {
      batches.push(length)
      return { kind: 'done', done: length, written: length, duplicates: 0 }
    },
  }
  const writer = new StreamWriter(
    {} as RedisCommands,
    'stream',
    ids,
    10,
    5000,
    new SinkCounts(undefined),
  )
  for (const row of given) writer.add(row)
  await writer.flush()
  return batches
}

describe('a writer of a stream', () => {
  it('sends Redis a thousand rows at once', async () => {
    expect(await batchesOf(rows(2500, 500))).toEqual([1000, 1000, 500])
  })

  it('sends fewer large rows at once, and one row however large', async () => {
    expect(await batchesOf(rows(10, MIB))).toEqual([3, 3, 3, 1])
    expect(await batchesOf([...rows(2, 5 * MIB), ...rows(2, 10)])).toEqual([1, 1, 2])
  })
})
