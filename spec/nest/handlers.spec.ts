import {
  type CanActivate,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  type ModuleMetadata,
  type PipeTransform,
  Scope,
  UseGuards,
} from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { EMPTY, lastValueFrom, of, throwError } from 'rxjs'
import type {
  AccountEvent,
  AtprotoEvent,
  BatchContext,
  ConfigError,
  DeleteEvent,
  IdentityEvent,
  RecordEvent,
} from '../../src/index.js'
import type { Handler } from '../../src/nest/handles.js'
import {
  AtprotoModule,
  AtprotoTesting,
  AtprotoTestingModule,
  EventPayload,
  OnAccount,
  OnBatch,
  OnDeadLetter,
  OnDelete,
  OnIdentity,
  OnRecord,
} from '../../src/nest/index.js'
import { workOf } from '../../src/nest/work.js'
import { gate, gone, keysOf, put, silent } from './events.js'

const POST = 'app.bsky.feed.post'
const LIKE = 'app.bsky.feed.like'

/** An application with these providers, whose streams are tests. */
async function appOf(metadata: ModuleMetadata) {
  const imports = [...(metadata.imports ?? []), AtprotoTestingModule]
  const app = await Test.createTestingModule({ ...metadata, imports })
    .setLogger(silent)
    .compile()
  await app.init()
  return { app, testing: app.get(AtprotoTesting) }
}

const seen: string[] = []
const note = (text: string) => void seen.push(text)
beforeEach(() => seen.splice(0))

describe('a handler', () => {
  it('receives creates and updates, or deletes, of its collection', async () => {
    @Injectable()
    class Posts {
      @OnRecord(POST) put(event: RecordEvent<{ text: string }>) {
        note(`put ${event.commit.rkey}`)
      }
      @OnDelete(POST) gone(event: DeleteEvent) {
        note(`gone ${event.commit.rkey}`)
      }
    }
    const { app, testing } = await appOf({ providers: [Posts] })
    for (const event of [put(POST, 'a'), gone(POST, 'b'), put(LIKE, 'c')]) testing.emit(event)
    await testing.drained()
    expect(seen).toEqual(['put a', 'gone b'])
    await app.close()
  })

  it('receives what its own prefix covers, beside one that is more specific', async () => {
    @Injectable()
    class Feed {
      @OnRecord('app.bsky.feed.*') all(event: RecordEvent) {
        note(`all ${event.commit.collection}`)
      }
      @OnRecord(POST) post(event: RecordEvent) {
        note(`post ${event.commit.collection}`)
      }
      @OnRecord('app.bsky.*') more(event: RecordEvent) {
        note(`more ${event.commit.collection}`)
      }
    }
    const { app, testing } = await appOf({ providers: [Feed] })
    for (const event of [put(POST), put(LIKE), put('app.bsky.graph.follow')]) testing.emit(event)
    await testing.drained()
    expect(seen.filter((text) => text.endsWith(POST)).sort()).toEqual([
      `all ${POST}`,
      `more ${POST}`,
      `post ${POST}`,
    ])
    expect(seen.filter((text) => text.endsWith(LIKE)).sort()).toEqual([
      `all ${LIKE}`,
      `more ${LIKE}`,
    ])
    expect(seen.filter((text) => text.endsWith('follow'))).toEqual(['more app.bsky.graph.follow'])
    await app.close()
  })

  it('may be for several kinds, and on a controller', async () => {
    @Controller()
    class Who {
      @OnIdentity() @OnAccount() who(event: IdentityEvent | AccountEvent) {
        note(event.kind)
      }
    }
    const { app, testing } = await appOf({ controllers: [Who] })
    const [did, seq, time] = ['did:plc:a', 1, '']
    testing.emit({ kind: 'identity', did, time_us: 1, identity: { did, seq, time } })
    testing.emit({ kind: 'account', did, time_us: 2, account: { active: true, did, seq, time } })
    await testing.drained()
    expect(seen).toEqual(['identity', 'account'])
    await app.close()
  })

  it('holds its event until its promise has resolved, and so does each other one', async () => {
    const [one, other] = [gate(), gate()]
    @Injectable()
    class One {
      @OnRecord(POST) put(_: RecordEvent) {
        return one.opened
      }
    }
    @Injectable()
    class Other {
      @OnRecord(POST) put(_: RecordEvent) {
        return other.opened
      }
    }
    const { app, testing } = await appOf({ providers: [One, Other] })
    testing.emit(put(POST))
    const drained = testing.drained().then(() => note('drained'))
    one.open()
    await new Promise(setImmediate)
    expect(seen).toEqual([])
    other.open()
    await drained
    expect(seen).toEqual(['drained'])
    await app.close()
  })

  it('receives a delete after the create of the same repository is done', async () => {
    const created = gate()
    @Injectable()
    class Posts {
      @OnRecord('app.bsky.feed.*') async put(_: RecordEvent) {
        await created.opened
        note('put')
      }
      @OnDelete(POST) gone(_: DeleteEvent) {
        note('gone')
      }
    }
    const options = { source: { events$: EMPTY }, ingest: { concurrency: 8 } }
    const imports = [AtprotoModule.forRoot(options)]
    const { app, testing } = await appOf({ imports, providers: [Posts] })
    for (const event of [put(POST), gone(POST), gone(POST, 'b', 'did:plc:b')]) testing.emit(event)
    expect(seen).toEqual(['gone'])
    created.open()
    await testing.drained()
    expect(seen).toEqual(['gone', 'put', 'gone'])
    await app.close()
  })

  it('may return an observable, also one that emits nothing', async () => {
    @Injectable()
    class Posts {
      @OnRecord(POST) put(_: RecordEvent) {
        return EMPTY
      }
      @OnRecord(LIKE) like(_: RecordEvent) {
        return throwError(() => new Error('no'))
      }
    }
    const { app, testing } = await appOf({ providers: [Posts] })
    testing.emit(put(POST))
    await testing.drained()
    testing.emit(put(LIKE))
    await expect(testing.drained()).rejects.toMatchObject({ code: 'INGEST' })
    await app.close()
  })
})

describe('a failure', () => {
  it('is tried again only by the handler that failed', async () => {
    let failures = 1
    const handles = { on: 'record', stream: 'default', collection: POST } as const
    const handler = (name: string, call: () => Promise<unknown>): Handler => ({
      name,
      handles,
      call,
    })
    const well = handler('well', async () => note('well'))
    const badly = handler('badly', async () => {
      note('badly')
      failures -= 1
      if (failures >= 0) throw new Error('once')
    })
    const work = workOf([well, badly], { backoff: { initialDelayMs: 1 } })
    await lastValueFrom(of(put(POST)).pipe(work))
    expect(seen).toEqual(['well', 'badly', 'badly'])
  })

  it('goes to the dead letters, and the stream goes on', async () => {
    const broken = new Error('broken')
    @Injectable()
    class Posts {
      @OnRecord(POST) put(event: RecordEvent) {
        if (event.commit.rkey === 'a') throw broken
        note(event.commit.rkey)
      }
      @OnDeadLetter() letter(event: AtprotoEvent, error: unknown) {
        note(`dead ${keysOf([event])} ${error === broken}`)
      }
    }
    const { app, testing } = await appOf({ providers: [Posts] })
    for (const key of ['a', 'b']) testing.emit(put(POST, key))
    await testing.drained()
    expect(seen).toEqual(['dead a true', 'b'])
    await app.close()
  })

  it('of a guard is that of the handler, which reads what decorators noted', async () => {
    class Guard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        note(`${context.getType()} ${context.getClass().name}`)
        return context.getArgByIndex(0).commit.rkey !== 'a'
      }
    }
    class Upper implements PipeTransform {
      transform(event: RecordEvent) {
        return event.commit.rkey.toUpperCase()
      }
    }
    @Injectable()
    class Posts {
      put(key: unknown) {
        note(`put ${key}`)
      }
      @OnDeadLetter() letter(_: AtprotoEvent, error: unknown) {
        note((error as Error).message)
      }
    }
    // As the compiler does it.
    const { prototype } = Posts
    const method = Object.getOwnPropertyDescriptor(prototype, 'put') as never
    EventPayload(new Upper())(prototype, 'put', 0)
    UseGuards(Guard)(prototype, 'put', method)
    OnRecord(POST)(prototype, 'put', method)
    const { app, testing } = await appOf({ providers: [Posts] })
    for (const key of ['a', 'b']) testing.emit(put(POST, key))
    await testing.drained()
    const guarded = 'atproto Posts'
    expect(seen).toEqual([guarded, 'Forbidden resource', guarded, 'put B'])
    await app.close()
  })
})

describe('a parameter without a decorator, beside one that has one,', () => {
  const Half = createParamDecorator((part: string, context: ExecutionContext) => {
    return `${part} of ${context.getArgByIndex(0).commit.rkey}`
  })

  it('receives the event where it comes first', async () => {
    class Posts {
      put(event: RecordEvent, half: unknown) {
        note(`${keysOf([event])}, ${half}`)
      }
    }
    decorate(Posts, 'put', OnRecord(POST), Half('half'), 1)
    const { app, testing } = await appOf({ providers: [Posts] })
    for (const key of ['a', 'b']) testing.emit(put(POST, key))
    await testing.drained()
    expect(seen).toEqual(['a, half of a', 'b, half of b'])
    await app.close()
  })

  it('receives the context of a batch, and no pipe', async () => {
    const pipe = {
      transform: (events: readonly RecordEvent[]) => `${keysOf(events)}`.toUpperCase(),
    }
    class Likes {
      rows(keys: unknown, batch: BatchContext) {
        note(`${keys} ${batch.index}`)
      }
    }
    decorate(Likes, 'rows', OnBatch(LIKE, { size: 2 }), EventPayload(pipe), 0)
    const { app, testing } = await appOf({ providers: [Likes] })
    for (const key of ['a', 'b', 'c', 'd']) testing.emit(put(LIKE, key))
    await testing.drained()
    expect(seen).toEqual(['A,B 0', 'C,D 1'])
    await app.close()
  })

  it('receives the error of a dead letter, each its own', async () => {
    const turn = gate()
    class Posts {
      @OnRecord(POST) async put(event: RecordEvent) {
        await turn.opened
        throw new Error(`no ${keysOf([event])}`)
      }
      letter(event: AtprotoEvent, error: unknown) {
        note(`${keysOf([event])} ${(error as Error).message}`)
      }
    }
    decorate(Posts, 'letter', OnDeadLetter(), EventPayload(), 0)
    const { app, testing } = await appOf({ providers: [Posts] })
    for (const key of ['a', 'b']) testing.emit(put(POST, key))
    turn.open()
    await testing.drained()
    expect(seen.sort()).toEqual(['a no a', 'b no b'])
    await app.close()
  })

  /** As the compiler does it. */
  function decorate(
    { prototype }: { readonly prototype: object },
    method: string,
    handles: (target: object, method: string, descriptor: never) => void,
    parameter: ParameterDecorator,
    index: number,
  ): void {
    parameter(prototype, method, index)
    handles(prototype, method, Object.getOwnPropertyDescriptor(prototype, method) as never)
  }
})

describe('a batch', () => {
  it('has creates and updates, with deletes where told so, and ends them all', async () => {
    const written = gate()
    @Injectable()
    class Likes {
      @OnBatch(LIKE, { size: 2 }) likes(events: readonly RecordEvent[]) {
        note(`likes ${keysOf(events)}`)
        return written.opened
      }
      @OnBatch(LIKE, { size: 3, deletes: true }) all(
        events: readonly (RecordEvent | DeleteEvent)[],
      ) {
        note(`all ${keysOf(events)}`)
      }
    }
    const { app, testing } = await appOf({ providers: [Likes] })
    for (const event of [put(LIKE, 'a'), gone(LIKE, 'b'), put(LIKE, 'c')]) testing.emit(event)
    const drained = testing.drained().then(() => note('drained'))
    await new Promise(setImmediate)
    expect(seen.sort()).toEqual(['all a,b,c', 'likes a,c'])
    written.open()
    await drained
    await app.close()
  })

  it('that fails sends each of its events to the dead letters', async () => {
    @Injectable()
    class Likes {
      @OnBatch(LIKE, { size: 2 }) likes(_: readonly RecordEvent[]) {
        throw new Error('no table')
      }
      @OnDeadLetter() letter(event: AtprotoEvent, error: unknown) {
        note(`${keysOf([event])} ${(error as Error).message}`)
      }
    }
    const { app, testing } = await appOf({ providers: [Likes] })
    for (const key of ['a', 'b']) testing.emit(put(LIKE, key))
    await testing.drained()
    expect(seen).toEqual(['a no table', 'b no table'])
    await app.close()
  })
})

describe('a mistake', () => {
  const failureOf = async (metadata: ModuleMetadata): Promise<ConfigError> => {
    const app = await Test.createTestingModule(metadata).setLogger(silent).compile()
    return app.init().then(
      () => Promise.reject(new Error('it began')),
      (error) => error,
    )
  }

  it('of a decorator is told where it stands', () => {
    expect(() => OnRecord('posts')).toThrow('`collection` must be an NSID or a prefix')
    expect(() => OnBatch(POST, { size: 0 })).toThrow('`size`')
    expect(() => OnDelete(POST, { streem: 'tap' } as never)).toThrow('`streem` is not an option')
    const schema = {
      '~standard': { version: 1, vendor: 'spec', validate: () => ({ value: 1 }) },
    } as const
    expect(() => OnRecord('app.bsky.*', schema)).toThrow('`schema` needs the NSID of one')
  })

  it('of a config is told at the call', () => {
    const forRoot = (options: object) => () => AtprotoModule.forRoot(options as never)
    expect(forRoot({})).toThrow('`source` must be an object with one of')
    expect(forRoot({ source: { jetstream: { hots: 'a' } } })).toThrow('`hots` is not an option')
    expect(forRoot({ source: { jetstream: {} }, ingest: null })).toThrow(
      '`ingest` must be an object of options, not null',
    )
    expect(forRoot({ source: { tap: {} }, checkpoint: { load() {}, save() {} } })).toThrow(
      '`checkpoint` is for',
    )
    const source = { events$: EMPTY }
    expect(forRoot({ source, ingest: { concurency: 2 } })).toThrow('`concurency`')
    expect(forRoot({ source, onFatal: 'exit' })).toThrow("`onFatal` must be 'shutdown'")
    expect(() => AtprotoModule.forRootAsync({})).toThrow('`useFactory` is missing')
  })

  it('is a stream of two modules, or of none', async () => {
    const module = () => AtprotoModule.forRoot({ source: { events$: EMPTY } })
    const twice = Test.createTestingModule({ imports: [module(), module()] })
      .setLogger(silent)
      .compile()
    await expect(twice).rejects.toThrow("'default' is the name of two streams")
    @Injectable()
    class Posts {
      @OnRecord(POST, { stream: 'tap' }) put(_: RecordEvent) {}
    }
    const error = await failureOf({ imports: [module()], providers: [Posts] })
    expect(error.message).toContain(
      "`Posts.put` is for the stream 'tap', which no module configures",
    )
  })

  it('is a handler of what its source does not have', async () => {
    @Injectable()
    class Accounts {
      @OnAccount() who(_: AccountEvent) {}
    }
    const imports = [AtprotoModule.forRoot({ source: { tap: {} } })]
    const error = await failureOf({ imports, providers: [Accounts] })
    expect(error.message).toContain("handles 'account', which `tap` does not have")
  })

  it('is a handler on a provider for each request', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Posts {
      @OnRecord(POST) put(_: RecordEvent) {}
    }
    const error = await failureOf({ imports: [AtprotoTestingModule], providers: [Posts] })
    expect(error.message).toContain('`Posts.put` is in a provider of the scope REQUEST')
  })

  it('of a test is told: a stream that is not open', async () => {
    const { app, testing } = await appOf({})
    expect(() => testing.emit(put(POST))).toThrow("'default' has no handlers")
    await app.close()
  })
})
