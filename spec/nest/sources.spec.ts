import { Injectable } from '@nestjs/common'
import {
  AtprotoModule,
  type AtprotoModuleAsyncOptions,
  type AtprotoOptionsFactory,
  type AtprotoStreamOptions,
} from '../../src/nest/index.js'
import { type FakeJetstream, fakeJetstream, generateEvents } from '../../src/testing/index.js'
import { handledBy, postsOf } from './handled-by.js'

const COUNT = 50

let server: FakeJetstream
let posts: readonly string[]
beforeAll(async () => {
  const events = [...generateEvents({ count: COUNT })]
  server = await fakeJetstream({ events, stored: 'all' })
  posts = postsOf(events)
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
