import { describeRedis } from '../helpers/redis-server.js'
import { LIBRARIES } from './connect.js'
import { DEPLOYMENTS } from './deployments.js'
import { bundlePrograms, byDid, Fleet, firsts } from './fleet.js'

bundlePrograms()

describeRedis.each(DEPLOYMENTS)('a fleet on %s', (_, start) => {
  it.each(LIBRARIES)(
    'writes each event once and works on it in the order of its DID, over kill -9, with %s',
    async (library) => {
      await using redis = await start()
      await using fleet = await Fleet.of(redis, library)
      await fleet.kill(0)
      await fleet.kill(1)
      await fleet.fault()
      await fleet.kill(2)
      await fleet.kill(0)
      const sent = await fleet.finish()
      const held = await fleet.held()
      expect(byDid(held)).toEqual(byDid(sent))
      expect(held.length).toBe(sent.length)
      expect(byDid(firsts(await fleet.worked()))).toEqual(byDid(sent))
    },
    400_000,
  )
})
