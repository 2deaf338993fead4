import { createClient } from '@redis/client'
import { redisCommands } from '../../src/redis-client/commands.js'
import { RedisIds } from '../../src/sinks/redis-streams/redis-ids.js'
import type { Row } from '../../src/sinks/redis-streams/row.js'
import { describeRedis, type RedisServer, redisServer } from '../helpers/redis-server.js'

const rows = (from: number, count: number): readonly Row[] =>
  Array.from({ length: count }, (_, i) => ({
    place: { host: 'wss://a.test', position: from + i, index: 0, copy: 0 },
    field: ['event', `${from + i}`],
    id: '',
  }))

describeRedis('RedisIds', () => {
  let server: RedisServer
  let commands: ReturnType<typeof redisCommands>
  let close: () => void
  beforeAll(async () => {
    server = await redisServer()
    const opened = await createClient({ url: server.url }).connect()
    commands = redisCommands(opened)
    close = () => opened.destroy()
  })
  afterAll(async () => {
    close()
    await server[Symbol.asyncDispose]()
  })
  beforeEach(() => server.cli('FLUSHALL'))

  const idsOf = (stream: string) =>
    new RedisIds(commands, stream, Number.POSITIVE_INFINITY, 5000, 100)
  const known = async (tagged: string) => {
    const sizes = await commands.pipeline([
      ['SCARD', `${tagged}:written:0`],
      ['SCARD', `${tagged}:written:1`],
    ])
    return sizes.map(Number)
  }

  it('remembers entries up to its window, and forgets older ones', async () => {
    const ids = idsOf('stream')
    for (const [from, count] of [
      [0, 100],
      [100, 100],
      [200, 50],
    ] as const)
      await ids.append(rows(from, count))
    expect(await known('{stream}')).toEqual([50, 100])
    expect(await ids.append(rows(150, 100))).toMatchObject({ written: 0, duplicates: 100 })
    expect(await ids.append(rows(0, 100))).toMatchObject({ written: 100, duplicates: 0 })
    await ids.append(rows(900, 100))
    for (let from = 1000; from < 3000; from += 30) {
      await ids.append(rows(from, 30))
      expect(await ids.append(rows(from - 70, 100))).toMatchObject({ written: 0, duplicates: 100 })
      expect(Math.max(...(await known('{stream}')))).toBeLessThan(130)
    }
  })

  it('writes a name once that a batch has twice', async () => {
    const ids = idsOf('stream')
    const twice = [...rows(0, 3), ...rows(1, 3)]
    expect(await ids.append(twice)).toMatchObject({ written: 4, duplicates: 2 })
    expect(await commands.send(['XLEN', 'stream'])).toBe(4)
  })

  it('remembers what it wrote before Redis refused', async () => {
    const ids = idsOf('stream')
    await ids.append(rows(0, 1))
    await server.cli('XADD', 'stream', '18446744073709551615-18446744073709551614', 'a', 'b')
    await expect(ids.append(rows(1, 3))).rejects.toThrow()
    expect(await commands.send(['XLEN', 'stream'])).toBe(3)
    expect(await known('{stream}')).toEqual([2, 0])
  })

  it('keeps the names of entries in the slot of the stream', async () => {
    await idsOf('plain').append(rows(0, 1))
    await idsOf('part{3}').append(rows(0, 1))
    expect([await known('{plain}'), await known('part{3}')]).toEqual([
      [1, 0],
      [1, 0],
    ])
  })

  it('tells a batch that was applied from one that Redis has lost', async () => {
    const [ids, other] = [idsOf('stream'), idsOf('stream')]
    await ids.append(rows(0, 10))
    await server.cli('SAVE')
    expect(await other.append(rows(0, 20))).toMatchObject({ written: 10, duplicates: 10 })
    await ids.append(rows(20, 10))
    await server.kill()
    await server.start()
    expect(await ids.append(rows(30, 10))).toMatchObject({ kind: 'lost' })
    expect(await ids.append(rows(20, 20))).toMatchObject({ kind: 'done', written: 20 })
    expect(await other.append(rows(40, 1))).toMatchObject({ kind: 'lost' })
  })
})
