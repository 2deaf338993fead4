import { describeRedis } from '../helpers/redis-server.js'
import { expectFlawlessRun, randomRun } from './random-run.js'

const SEED = Number(process.env.SEED ?? 5)
const CUTS = 12

describeRedis('random runs through Redis, the writer or the reader cut at any moment', () => {
  it.each([
    'jetstream$ into Redis and out, ids of positions',
    'jetstream$ into Redis and out, ids of Redis, partitions',
  ])(
    '%s: each event is written once, and handled in order',
    (name) => expectFlawlessRun(name, SEED, CUTS),
    90_000,
  )

  it('find a reader whose work nobody holds', async () => {
    const name = 'jetstream$ into Redis and out, ids of positions'
    const { wrong } = await randomRun(name, SEED, CUTS, 'none-held')
    expect(wrong).toContainEqual(expect.stringMatching(/missing|out of order/))
  }, 90_000)
})
