import { type FirehoseMessage, fakeFirehose, generateCommits } from 'rxjs-atproto/testing'
import { Cli } from '../cli/cli.js'
import { IngestRun, operations, Reader, sentBy, until, type Written } from '../cli/ingest-run.js'
import { isComplete, redisCluster } from '../helpers/redis-cluster.js'
import { describeRedis } from '../helpers/redis-server.js'

jest.setTimeout(400_000)

const cli = new Cli()
beforeAll(() => cli.build())
afterEach(() => cli.killAll())
afterAll(() => cli.dispose())

const COUNT = 3000
const PER_SECOND = 400

describeRedis('rxjs-atproto ingest on a cluster of three nodes', () => {
  it('writes each event once, in order, over kill -9 of it and of a node', async () => {
    const messages: readonly FirehoseMessage[] = [...generateCommits({ count: COUNT, seed: 3 })]
    await using relay = await fakeFirehose({ events: messages, ratePerSecond: PER_SECOND })
    await using cluster = await redisCluster(
      3,
      ...['--cluster-node-timeout', '1000'],
      ...['--appendonly', 'yes', '--appendfsync', 'always'],
    )
    const home = await cluster.nodeOf('firehose_live')
    const cursor = `firehose_live:cursor:${relay.url}`
    const start = () =>
      new IngestRun(cli, {
        INGESTER_MODE: 'firehose',
        // A node that has neither the stream nor, perhaps, the position.
        REDIS_URL: cluster.nodes.find((node) => node !== home)?.url ?? '',
        INGESTER_RELAY_HOSTS: relay.url,
      })
    const written = async (count: number) => {
      await using reader = await Reader.of(home)
      await until(async () => (await reader.length('firehose_live')) >= count)
    }
    let run = start()
    for (const count of [300, 800]) {
      await written(count)
      await run.stop('SIGKILL')
      run = start()
    }
    await written(1200)
    await home.kill()
    await run.says(/Redis at .* is away/)
    await home.start()
    for (const node of cluster.nodes) await isComplete(node, 3)
    await run.says(/Redis is back/)
    await written(1600)
    await run.stop('SIGKILL')
    run = start()
    await using positions = await Reader.of(await cluster.nodeOf(cursor))
    await until(async () => (await positions.get(cursor)) === `${COUNT - 1}`)
    expect(await run.stop()).toBe(143)
    await using reader = await Reader.of(home)
    const entries = await reader.entries<Written>('firehose_live', 'event')
    expect(operations(entries)).toEqual(sentBy(messages))
  })
})
