import { repartition } from '../../src/redis.js'
import { describeRedis } from '../helpers/redis-server.js'
import { PARTITIONS, STREAM } from '../traps/redis-kill.js'
import { LIBRARIES } from './connect.js'
import { cluster } from './deployments.js'
import { bundlePrograms, byDid, Fleet, firsts } from './fleet.js'

bundlePrograms()

const MOST = 7
const FEWEST = 2

describeRedis('repartition of a fleet on a cluster of three nodes', () => {
  it.each(LIBRARIES)(
    'keeps each event and the order of each DID, over kill -9, with %s',
    async (library) => {
      await using redis = await cluster()
      await using fleet = await Fleet.of(redis, library)
      const numbers = [PARTITIONS, MOST, FEWEST]
      for (const [index, from] of numbers.slice(0, -1).entries()) {
        const to = numbers[index + 1] ?? 0
        await fleet.worksOn()
        const changed = repartition(fleet.client, { stream: STREAM, from, to })
        // While it is under way, and as soon as it is made.
        await fleet.kill(0)
        await fleet.kill(1)
        await changed
        await fleet.kill(0)
        await fleet.kill(2)
      }
      const sent = await fleet.finish()
      const held = await fleet.held(MOST)
      expect(held.map(({ what }) => what).sort()).toEqual(sent.map(({ what }) => what).sort())
      expect(byDid(firsts(await fleet.worked()))).toEqual(byDid(sent))
    },
    400_000,
  )
})
