import { Injectable, type ModuleMetadata } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { asyncScheduler, type BehaviorSubject, filter, firstValueFrom, NEVER } from 'rxjs'
import {
  type BatchContext,
  type CursorStore,
  CursorStoreError,
  type DeleteEvent,
  type Gap,
  type LabelEvent,
  memoryCursorStore,
  type RecordEvent,
  type StreamMetrics,
} from '../../src/index.js'
import {
  AtprotoModule,
  type AtprotoModuleOptions,
  type AtprotoStream,
  getStreamMetricsToken,
  getStreamToken,
  InjectStream,
  InjectStreamMetrics,
  OnAccount,
  OnBatch,
  OnDelete,
  OnGap,
  OnLabel,
  OnRecord,
} from '../../src/nest/index.js'
import { warnWithoutHooks } from '../../src/nest/shut-down.js'
import {
  type FakeJetstream,
  fakeJetstream,
  fakeLabels,
  generateEvents,
  marbles,
} from '../../src/testing/index.js'
import { gate, silent } from './events.js'

const POST = 'app.bsky.feed.post'
let server: FakeJetstream
beforeAll(async () => {
  server = await fakeJetstream({ events: 50 })
})
afterAll(() => server.close())

const source = () => ({ jetstream: { host: server.url, cursor: 'oldest' as const } })

async function appOf(options: AtprotoModuleOptions, metadata: ModuleMetadata) {
  const imports = [AtprotoModule.forRoot(options), ...(metadata.imports ?? [])]
  const app = await Test.createTestingModule({ ...metadata, imports })
    .setLogger(silent)
    .compile()
  return app
}

/** A service that notes the posts, and works on each as it is told. */
function postsThat(work: (event: RecordEvent) => unknown) {
  @Injectable()
  class Posts {
    @OnRecord(POST) put(event: RecordEvent) {
      return work(event)
    }
  }
  return Posts
}

const readFrom = (host: string) => ({
  source: { jetstream: { host, cursor: 'oldest' as const } },
})
const Idle = postsThat(() => {})

describe('an application', () => {
  it('asks for what its handlers take, and saves the position by its name', async () => {
    const [came, store] = [gate(), memoryCursorStore()]
    const saved: string[] = []
    const checkpoint: CursorStore = {
      load: (key) => store.load(key),
      save: (key, position) => {
        saved.push(key)
        return store.save(key, position)
      },
    }
    const Posts = postsThat(() => came.open())
    @Injectable()
    class Accounts {
      @OnAccount() who(_: unknown) {}
    }
    const app = await appOf({ source: source(), checkpoint }, { providers: [Posts, Accounts] })
    await app.init()
    await came.opened
    const { url } = server.connections.at(-1) ?? {}
    expect(url).toBe(`/subscribe?wantedCollections=${POST}&cursor=0`)
    await app.close()
    expect(new Set(saved)).toEqual(new Set(['jetstream "default"']))
  })

  it('does not wait for a socket to bootstrap, and closes before one is open', async () => {
    const options = { source: { jetstream: { host: 'ws://127.0.0.1:1' } } }
    const app = await appOf(options, { providers: [Idle] })
    await app.init()
    const metrics$ = app.get<BehaviorSubject<StreamMetrics>>(getStreamMetricsToken())
    expect(metrics$.value.connection.state).toBe('connecting')
    await app.close()
    expect(metrics$.value.connection).toMatchObject({ state: 'closed', reason: undefined })
  })

  it('drains before it shuts down, and then closes the store', async () => {
    const [came, work] = [gate(), gate()]
    const log: string[] = []
    const memory = memoryCursorStore()
    const checkpoint: CursorStore = {
      load: (key) => memory.load(key),
      save: (key, position) => memory.save(key, position),
      close: async () => log.push('store closed'),
    }
    const Posts = postsThat(async () => {
      came.open()
      await work.opened
      if (log.length === 0) log.push('handled')
    })
    const app = await appOf({ source: source(), checkpoint }, { providers: [Posts] })
    await app.init()
    await came.opened
    const closed = app.close().then(() => log.push('application closed'))
    work.open()
    await closed
    expect(log).toEqual(['handled', 'store closed', 'application closed'])
  })

  it('opens no stream where another one has a mistake', async () => {
    const before = server.attempts.length
    const wrong = { stream: 'wrong', source: { tap: {} } }
    @Injectable()
    class Accounts {
      @OnAccount({ stream: 'wrong' }) who(_: unknown) {}
    }
    const imports = [AtprotoModule.forFeature(wrong)]
    const app = await appOf({ source: source() }, { imports, providers: [Idle, Accounts] })
    await expect(app.init()).rejects.toThrow("handles 'account', which `tap` does not have")
    expect(app.get<AtprotoStream>(getStreamToken()).metrics$.value.connection.state).toBe('idle')
    expect(server.attempts.length).toBe(before)
  })

  it('checks records by the schema of a decorator, and reads what its config names', async () => {
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'spec',
        validate: () => ({ issues: [{ message: 'is none' }] }),
      },
    } as const
    const seen: string[] = []
    @Injectable()
    class Posts {
      @OnRecord(POST, schema) put(event: RecordEvent) {
        seen.push(event.commit.collection)
      }
      @OnRecord('app.bsky.feed.like') like(event: RecordEvent) {
        seen.push(event.commit.collection)
      }
    }
    const { jetstream } = source()
    const options = { source: { jetstream: { ...jetstream, collections: [POST] } } }
    const app = await appOf(options, { providers: [Posts] })
    await app.init()
    const metrics$ = app.get<BehaviorSubject<StreamMetrics>>(getStreamMetricsToken())
    await firstValueFrom(metrics$.pipe(filter(({ rejected }) => rejected > 0)))
    await app.close()
    expect(server.connections.at(-1)?.url).toBe(`/subscribe?wantedCollections=${POST}&cursor=0`)
    expect(seen).toEqual([])
  })

  it('hands labels to their handlers', async () => {
    const labeler = await fakeLabels({ events: 3 })
    const came = gate()
    const seen: LabelEvent[] = []
    @Injectable()
    class Labels {
      @OnLabel() label(event: LabelEvent) {
        seen.push(event)
        came.open()
      }
    }
    const labels = { host: labeler.url, cursor: 'oldest' as const }
    const app = await appOf({ source: { labels } }, { providers: [Labels] })
    await app.init()
    await came.opened
    expect(seen[0]?.src).toMatch(/^did:/)
    await app.close()
    await labeler.close()
  })

  it('warns of what would surprise: no handlers, and deletes that overtake', async () => {
    const warnings: string[] = []
    const logger = { ...silent, warn: (text: string) => warnings.push(text) }
    @Injectable()
    class Likes {
      @OnBatch('app.bsky.feed.like') likes(_: readonly RecordEvent[]) {}
      @OnDelete('app.bsky.feed.like') gone(_: DeleteEvent) {}
    }
    const streams = ['default', 'idle'].map((stream) =>
      AtprotoModule.forRoot({ stream, source: { events$: NEVER } }),
    )
    const app = await Test.createTestingModule({ imports: streams, providers: [Likes] })
      .setLogger(logger)
      .compile()
    await app.init()
    expect(warnings).toEqual([
      expect.stringContaining('Likes.gone may handle a delete before Likes.likes has its create'),
      "the stream 'idle' has no handlers, and is not opened",
    ])
    await app.close()
  })

  it(
    'warns a second after the bootstrap where nobody listens to SIGTERM',
    marbles(({ flush }) => {
      const warnings: number[] = []
      const at = () => warnings.push(asyncScheduler.now())
      warnWithoutHooks(at)
      flush()
      expect(warnings).toEqual([1000])
      const listener = () => {}
      process.on('SIGTERM', listener)
      warnWithoutHooks(at)
      flush()
      process.off('SIGTERM', listener)
      expect(warnings).toHaveLength(1)
    }),
  )

  it('has several streams, which it injects by name', async () => {
    const came = gate()
    @Injectable()
    class Other {
      constructor(
        readonly stream: AtprotoStream,
        readonly metrics$: BehaviorSubject<StreamMetrics>,
      ) {}
      @OnRecord(POST, { stream: 'other' }) put(_: RecordEvent) {
        came.open()
      }
    }
    InjectStream('other')(Other, undefined as never, 0)
    InjectStreamMetrics('other')(Other, undefined as never, 1)
    const inject = ['HOST']
    const known = {
      module: class Known {},
      providers: [{ provide: 'HOST', useValue: server.url }],
      exports: ['HOST'],
    }
    const imports = [
      AtprotoModule.forFeatureAsync({
        stream: 'other',
        imports: [known],
        inject,
        useFactory: readFrom,
      }),
    ]
    const app = await appOf({ source: source() }, { imports, providers: [Other, Idle] })
    await app.init()
    await came.opened
    const { stream, metrics$ } = app.get(Other)
    expect(stream).toBe(app.get(getStreamToken('other')))
    expect(metrics$).toBe(stream.metrics$)
    expect([stream.name, stream.health().healthy]).toEqual(['other', true])
    await app.close()
    expect(stream.health().reasons).toEqual(['the stream has ended'])
  })

  it('tells handlers of gaps', async () => {
    const told: Gap[] = []
    const came = gate()
    @Injectable()
    class Posts {
      @OnRecord(POST) put(_: RecordEvent) {}
      @OnGap() gap(gap: Gap) {
        told.push(gap)
        came.open()
      }
    }
    const lossy = await fakeJetstream({ server: 'v2', events: 50, retainEvents: 10 })
    const jetstream = { host: lossy.url, cursor: 1 }
    const app = await appOf({ source: { jetstream } }, { providers: [Posts] })
    await app.init()
    await came.opened
    expect(told[0]?.reason).toBe('cursor-too-old')
    await app.close()
    await lossy.close()
  })
})

describe('an error that ends a stream', () => {
  const broken = new CursorStoreError('the disk is away')
  const checkpoint: CursorStore = {
    load: () => Promise.reject(broken),
    save: () => Promise.resolve(),
  }

  it('reaches a function', async () => {
    const failed = gate()
    const told: unknown[] = []
    const onFatal = (...values: readonly unknown[]) => {
      told.push(...values)
      failed.open()
    }
    const app = await appOf({ source: source(), checkpoint, onFatal }, { providers: [Idle] })
    await app.init()
    await failed.opened
    expect(told).toEqual([broken, 'default'])
    await app.close()
  })

  it('leaves an application unhealthy', async () => {
    const options = { source: source(), checkpoint, onFatal: 'unhealthy' as const }
    const app = await appOf(options, { providers: [Idle] })
    await app.init()
    const stream = app.get<AtprotoStream>(getStreamToken())
    await stream.drained
    expect(stream.failed).toBe(broken)
    expect(stream.health().reasons).toEqual(['the stream has failed: the disk is away'])
    await app.close()
  })

  describe('shuts down', () => {
    const ends = () => {
      const exited = gate()
      const exit = jest.spyOn(process, 'exit').mockImplementation((() => exited.open()) as never)
      return { exit, exited }
    }
    const listeners = () => [...process.listeners('exit'), ...process.listeners('SIGTERM')]
    let before: readonly unknown[] = []
    beforeEach(() => {
      before = listeners()
    })
    afterEach(() => {
      jest.restoreAllMocks()
      for (const listener of listeners().filter((one) => !before.includes(one)))
        for (const event of ['exit', 'SIGTERM']) process.off(event, listener as never)
    })

    it('once, where two streams fail together: the hooks are not cut short', async () => {
      const { exit, exited } = ends()
      const hooks = gate()
      const second = { stream: 'second', source: source(), checkpoint }
      @Injectable()
      class Other {
        @OnRecord(POST, { stream: 'second' }) put(_: RecordEvent) {}
        async onApplicationShutdown() {
          hooks.open()
          await second$.drained
        }
      }
      jest.spyOn(process, 'kill').mockImplementation((_, signal) => {
        process.emit(signal as 'SIGTERM', 'SIGTERM')
        return true
      })
      const imports = [AtprotoModule.forFeature(second)]
      const app = await appOf(
        { source: source(), checkpoint },
        { imports, providers: [Idle, Other] },
      )
      const second$ = app.get<AtprotoStream>(getStreamToken('second'))
      app.enableShutdownHooks(['SIGTERM'] as never)
      await app.init()
      await hooks.opened
      expect([second$.failed, exit.mock.calls.length]).toEqual([broken, 0])
      await exited.opened
      expect(exit).toHaveBeenCalledTimes(1)
    })

    it('without shutdown hooks: it drains, and exits with 1', async () => {
      const { exit, exited } = ends()
      const app = await appOf({ source: source(), checkpoint }, { providers: [Idle] })
      await app.init()
      await exited.opened
      expect(exit).toHaveBeenCalledWith(1)
      await app.close()
    })

    it('with shutdown hooks: they all run, and then it exits with 1', async () => {
      const { exit, exited } = ends()
      const log: string[] = []
      @Injectable()
      class Database {
        onApplicationShutdown(signal: string) {
          log.push(signal)
        }
      }
      const kill = jest.spyOn(process, 'kill').mockImplementation((_, signal) => {
        log.push('killed')
        process.emit(signal as 'SIGTERM', 'SIGTERM')
        return true
      })
      const app = await appOf({ source: source(), checkpoint }, { providers: [Idle, Database] })
      app.enableShutdownHooks(['SIGTERM'] as never)
      await app.init()
      await exited.opened
      expect(log).toEqual(['SIGTERM', 'killed'])
      expect(kill).toHaveBeenCalledTimes(1)
      expect(exit).toHaveBeenCalledWith(1)
    })
  })
})

describe('a batch with an external checkpoint', () => {
  it('has the position to store with its rows', async () => {
    const events = [...generateEvents({ count: 60 })]
    await using own = await fakeJetstream({ events })
    const positions: (string | undefined)[] = []
    const three = gate()
    @Injectable()
    class Rows {
      @OnBatch('app.bsky.*', { size: 5, deletes: true })
      async rows(_: readonly (RecordEvent | DeleteEvent)[], { position }: BatchContext) {
        positions.push(position)
        if (positions.length === 3) three.open()
      }
    }
    const jetstream = { host: own.url, cursor: 'oldest' as const }
    const checkpoint = { store: memoryCursorStore(), external: true as const }
    const imports = [AtprotoModule.forRoot({ source: { jetstream }, checkpoint })]
    const app = await Test.createTestingModule({ imports, providers: [Rows] })
      .setLogger(silent)
      .compile()
    await app.init()
    await three.opened
    await app.close()
    const first = positions.slice(0, 3)
    expect(first).toEqual([expect.any(String), expect.any(String), expect.any(String)])
    expect(new Set(first).size).toBe(3)
  })

  const startWith = async (provider: new () => object): Promise<string> => {
    const checkpoint = { store: memoryCursorStore(), external: true as const }
    const source = { jetstream: { host: 'ws://127.0.0.1:1' } }
    const imports = [AtprotoModule.forRoot({ source, checkpoint })]
    const app = await Test.createTestingModule({ imports, providers: [provider] })
      .setLogger(silent)
      .compile()
    return app.init().then(
      () => 'started',
      ({ message }: Error) => message,
    )
  }

  it('is refused beside another handler, with all that is wrong', async () => {
    @Injectable()
    class Rows {
      @OnBatch('app.bsky.feed.like', { concurrency: 2 }) likes(_: readonly RecordEvent[]) {}
      @OnBatch('app.bsky.feed.post') posts(_: readonly RecordEvent[]) {}
      @OnDelete('app.bsky.feed.post') gone(_: DeleteEvent) {}
      @OnGap() gap(_: Gap) {}
    }
    const message = await startWith(Rows)
    expect(message).toContain('`Rows.likes` must have `concurrency: 1`')
    expect(message).toContain('`Rows.posts` needs a stream of its own')
    expect(message).toContain('`Rows.gone` needs a stream of its own')
    expect(message).not.toContain('Rows.gap')
  })

  it('has to be there', async () => {
    @Injectable()
    class Posts {
      @OnRecord(POST) put(_: RecordEvent) {}
    }
    expect(await startWith(Posts)).toContain(
      "`checkpoint` is external, and 'default' has no @OnBatch handler to store the position",
    )
  })
})
