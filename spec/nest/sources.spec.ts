import { Injectable } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { lastValueFrom, take } from 'rxjs'
import { jetstream$, type RecordEvent } from '../../src/index.js'
import {
  AtprotoModule,
  type AtprotoModuleAsyncOptions,
  type AtprotoOptionsFactory,
  type AtprotoStreamOptions,
  OnRecord,
} from '../../src/nest/index.js'
import { toRedisStream } from '../../src/redis.js'
import { type FakeJetstream, fakeJetstream, generateEvents } from '../../src/testing/index.js'
import { describeRedis, type RedisServer, redisServer } from '../helpers/redis-server.js'
import { clients } from '../redis-client/clients.js'
import { silent } from './events.js'

const POST = 'app.bsky.feed.post'
const COUNT = 50

/** What of these events an application handles that is made with these options, in order. */
async function handledBy(module: ReturnType<typeof AtprotoModule.forRootAsync>, count: number) {
  const rkeys: string[] = []
  let all: () => void = () => {}
  const handled = new Promise<void>((resolve) => {
    all = resolve
  })
  @Injectable()
  class Posts {
    @OnRecord(POST) put({ commit }: RecordEvent) {
      if (rkeys.push(commit.rkey) === count) all()
    }
  }
  const app = await Test.createTestingModule({ imports: [module], providers: [Posts] })
    .setLogger(silent)
    .compile()
  await app.init()
  await handled
  await app.close()
  return rkeys
}

let server: FakeJetstream
let posts: readonly string[]
beforeAll(async () => {
  const events = [...generateEvents({ count: COUNT })]
  server = await fakeJetstream({ events, stored: 'all' })
  posts = events.flatMap((event) =>
    event.kind === 'commit' &&
    event.commit.collection === POST &&
    event.commit.operation !== 'delete'
      ? [event.commit.rkey]
      : [],
  )
})
afterAll(() => server.close())

@Injectable()
class Options implements AtprotoOptionsFactory {
  createAtprotoOptions(): AtprotoStreamOptions {
    return { source: { jetstream: { host: server.url, cursor: 'oldest' } } }
  }
}

describe('the options of a stream', () => {
  it.each<readonly [string, () => AtprotoModuleAsyncOptions]>([
    ['a class of the module', () => ({ useClass: Options })],
    [
      'a provider of another module',
      () => ({
        imports: [{ module: class OptionsModule {}, providers: [Options], exports: [Options] }],
        useExisting: Options,
      }),
    ],
    [
      'a promise of a factory',
      () => ({ useFactory: async () => new Options().createAtprotoOptions() }),
    ],
  ])('come from %s', async (_, options) => {
    expect(posts.length).toBeGreaterThan(3)
    const module = AtprotoModule.forRootAsync(options())
    expect(await handledBy(module, posts.length)).toEqual(posts)
  })
})

describeRedis.each(clients)('a stream in Redis over %s', (_, connect) => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await redisServer()
  })
  afterAll(() => redis[Symbol.asyncDispose]())

  it('is read into handlers, and its entries are acked', async () => {
    await using writer = await connect(redis.url)
    const sent$ = jetstream$({ host: server.url, cursor: 'oldest' }).pipe(
      take(COUNT),
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
