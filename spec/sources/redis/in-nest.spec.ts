import { lastValueFrom, take } from 'rxjs'
import { jetstream$ } from '../../../src/index.js'
import { AtprotoModule } from '../../../src/nest/index.js'
import { toRedisStream } from '../../../src/redis.js'
import { fakeJetstream, generateEvents } from '../../../src/testing/index.js'
import { describeRedis, type RedisServer, redisServer } from '../../helpers/redis-server.js'
import { handledBy, postsOf } from '../../nest/handled-by.js'
import { clients } from '../../redis-client/clients.js'

describeRedis.each(clients)('a stream in Redis over %s', (_, connect) => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await redisServer()
  })
  afterAll(() => redis[Symbol.asyncDispose]())

  it('is read into handlers, and its entries are acked', async () => {
    const events = [...generateEvents({ count: 50 })]
    const posts = postsOf(events)
    await using server = await fakeJetstream({ events, stored: 'all' })
    await using writer = await connect(redis.url)
    const sent$ = jetstream$({ host: server.url, cursor: 'oldest' }).pipe(
      take(50),
      toRedisStream({ client: writer.client, stream: 'events' }),
    )
    await lastValueFrom(sent$)
    await using reader = await connect(redis.url)
    const source = {
      redis: { client: reader.client, stream: 'events', group: 'app', consumer: 'one' },
    }
    const module = AtprotoModule.forRoot({ source })
    expect(await handledBy(module, posts.length)).toEqual(posts)
    const pending = "return redis.call('XPENDING', 'events', 'app')[1]"
    expect(await redis.cli('EVAL', pending, '0')).toBe(':0')
  })
})
