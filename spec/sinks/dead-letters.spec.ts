import { firstValueFrom, Subject } from 'rxjs'
import { IngestError, RecordError } from '../../src/errors.js'
import { describeRedis, type RedisServer, redisServer } from '../helpers/redis-server.js'
import { clients, type OpenClient } from '../redis-client/clients.js'
import { Feed, range, type Small } from './feed.js'
import { numbers, sinkOf } from './watched.js'

/** What `JSON.stringify` refuses, each for a reason of its own. */
const UNWRITABLE: readonly (readonly [what: string, value: unknown])[] = [
  ['a bigint', 1n],
  ['an array that holds itself', holdingItself()],
  ...tooDeep(JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)),
]

/** Node 26 writes a value of any depth. */
function tooDeep(value: unknown): readonly (readonly [string, unknown])[] {
  try {
    JSON.stringify(value)
    return []
  } catch {
    return [['a value 100,000 levels deep', value]]
  }
}

function holdingItself(): unknown {
  const array: unknown[] = []
  array.push(array)
  return array
}

/** Three events, and something in the second one. */
const feedWith = (value: unknown): Feed =>
  new Feed(
    range(1, 3).map((placed) =>
      placed.position === 2 ? { ...placed, event: withValue(placed.event, value) } : placed,
    ),
  )

const withValue = (event: Small, value: unknown): Small => Object.assign({ ...event }, { value })

describeRedis('an event that cannot be written as an entry', () => {
  let server: RedisServer
  let opened: OpenClient
  beforeAll(async () => {
    const [first] = clients
    server = await redisServer()
    opened = await (first as (typeof clients)[number])[1](server.url)
  })
  afterAll(async () => {
    await opened[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })
  beforeEach(() => server.cli('FLUSHALL'))

  it.each(UNWRITABLE)(
    'for %s in it is dropped and logged once, and the others are written',
    async (_, value) => {
      const lines: string[] = []
      const sink = sinkOf(opened, feedWith(value).complete(), {
        log: { warn: (line: string) => lines.push(line) },
      })
      await sink.done
      expect(await numbers(server)).toEqual([1, 3])
      expect(sink.emitted).toEqual([1, 3])
      expect(sink.feed.ledger).toMatchObject({ done: 2, dropped: 1, failed: 0, open: 0 })
      expect(sink.metrics).toMatchObject({ written: 2, rejected: 1, pending: 0 })
      expect(lines).toEqual([
        expect.stringMatching(
          /^an event cannot be written as an entry of `stream`, and is dropped: /,
        ),
      ])
    },
  )

  it('is dropped where `partitionBy` cannot read its record, and others are written', async () => {
    const partitionBy = ({ n }: Small) => {
      if (n === 2) throw new RecordError('the record is nested too deep')
      return String(n)
    }
    const sink = sinkOf(opened, feedWith(1).complete(), { partitions: 2, partitionBy, log: false })
    await sink.done
    expect(sink.emitted.toSorted()).toEqual([1, 3])
    expect(sink.metrics).toMatchObject({ written: 2, rejected: 1, pending: 0 })
  })

  it.each(UNWRITABLE)(
    'for %s in it is a dead letter where there is one, and done when that is',
    async (_, value) => {
      const written$ = new Subject<void>()
      const letters: (readonly [number, string])[] = []
      const onDeadLetter = ({ n }: Small, error: unknown) => {
        letters.push([n, (error as Error).name])
        return firstValueFrom(written$, { defaultValue: undefined })
      }
      const sink = sinkOf(opened, feedWith(value).complete(), { onDeadLetter })
      await sink.emits(2)
      expect(letters).toEqual([[2, expect.stringMatching(/TypeError|RangeError/)]])
      expect(sink.feed.ledger).toMatchObject({ done: 2, open: 1 })
      expect(sink.feed.frontier).toBe(2)
      written$.next()
      await sink.done
      expect(sink.feed.ledger).toMatchObject({ done: 3, dropped: 0, open: 0 })
      expect(await numbers(server)).toEqual([1, 3])
    },
  )

  it.each<[string, () => undefined | Promise<unknown>]>([
    [
      'throws',
      () => {
        throw new Error('no room')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no room'))],
  ])(
    'ends the stream where its dead letter %s, and a restart brings it again',
    async (_, onDeadLetter) => {
      const sink = sinkOf(opened, feedWith(1n), { onDeadLetter })
      await expect(sink.done).rejects.toThrow(IngestError)
      await expect(sink.done).rejects.toThrow('the dead letter of `stream` failed: no room')
      expect(sink.feed.frontier).toBeLessThanOrEqual(2)
      expect(sink.feed.ledger.failed).toBeGreaterThan(0)
    },
  )
})
