import { EventEmitter } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defer, filter, firstValueFrom, type Observable, Subject, take, takeUntil, tap } from 'rxjs'
import * as files from '../../src/cursors/file.js'
import * as library from '../../src/index.js'
import * as testing from '../../src/testing/index.js'
import { compile, type Fence, fences, problemsWhenPasted } from './docs-fences.js'
import * as fixtures from './docs-fixtures.js'

const EVENTS = 200
const { problems, javascript } = compile()
const running = fences.filter(({ runs }) => runs)

describe('the examples of the docs', () => {
  it('are found, on every page and in the code', () => {
    const pages = new Set(fences.map(({ at }) => at.split(':')[0]))
    expect([...pages]).toEqual(
      expect.arrayContaining(['README.md', 'docs/errors.md', 'src/sources/jetstream/jetstream.ts']),
    )
    expect(fences.length).toBeGreaterThan(20)
    expect(running.length).toBeGreaterThan(10)
  })

  it('compile', () => {
    expect(problems).toBe('')
  })

  it('compile in a file of their own, where they are in the README', () => {
    expect(problemsWhenPasted()).toBe('')
  })

  it.each(running.map((fence) => [fence.at, fence] as const))('run, as at %s', async (_, fence) => {
    const program = new Program(fence)
    await program.run()
    expect(program.failures).toEqual([])
    // What subscribes must have been sent something.
    for (const stream of program.streams) expect(stream.events).toBeGreaterThan(0)
  })
})

/** Whether an example starts its own server. */
const isOwn = (host: string | readonly string[] | undefined): host is string =>
  typeof host === 'string' && host.includes('127.0.0.1')

/** A source that no server here plays: what an example gives it must be its own. */
const onlyLoopback = Object.fromEntries(
  Object.entries(library)
    .filter(([name]) => name.endsWith('$'))
    .map(([name, source$]) => [
      name,
      (config: { readonly host?: string } = {}) => {
        if (!isOwn(config.host)) throw new Error(`${name} has no server here`)
        return (source$ as (config: unknown) => unknown)(config)
      },
    ]),
)

interface Stream {
  readonly ended: Promise<unknown>
  events: number
  error?: unknown
}

/**
 * Runs one example as written, but that its sources read servers of its own, and end after some
 * events.
 */
class Program {
  readonly streams: Stream[] = []
  readonly #end$ = new Subject<void>()
  readonly #process = Object.assign(new EventEmitter(), {
    env: {},
    exit: () => {},
    stdout: { write: () => true },
  })
  readonly #cases: (() => unknown)[] = []
  readonly #folder = mkdtempSync(join(tmpdir(), 'docs-'))
  #server: testing.FakeJetstream | undefined
  #tap: testing.FakeTap | undefined
  #firehose: testing.FakeFirehose | undefined
  #labels: testing.FakeLabels | undefined
  #repos: testing.FakeRepos | undefined

  constructor(private readonly fence: Fence) {}

  get failures(): readonly unknown[] {
    return this.streams.flatMap(({ error }) => (error === undefined ? [] : [error]))
  }

  async run(): Promise<void> {
    // Every kind and operation is among so many, whatever an example filters for.
    this.#server = await testing.fakeJetstream({ events: 3000, stored: 'all' })
    this.#tap = await testing.fakeTap({ events: 3000, generate: { live: false } })
    this.#firehose = await testing.fakeFirehose({ events: 1000, stored: 'all' })
    this.#labels = await testing.fakeLabels({ events: 1000, stored: 'all' })
    this.#repos = await testing.fakeRepos({ repos: 150 })
    const log = jest.spyOn(console, 'log').mockImplementation(() => {})
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {})
    try {
      await this.#execute()
      for (const body of this.#cases) await body()
      for (const { ended } of this.streams) await ended
    } finally {
      this.#end$.next()
      log.mockRestore()
      warn.mockRestore()
      await this.#server.close()
      await this.#tap.close()
      await this.#firehose.close()
      await this.#labels.close()
      await this.#repos.close()
      rmSync(this.#folder, { recursive: true, force: true })
    }
  }

  async #execute(): Promise<void> {
    const code = javascript(this.fence)
      .replaceAll(/^import \* as (\w+) from '([^']+)';?$/gm, "const $1 = load('$2')")
      .replaceAll(/^import \{([^}]*)\} from '([^']+)';?$/gm, (_, names: string, module: string) => {
        return `const {${names.replaceAll(' as ', ': ')}} = load('${module}')`
      })
      .replaceAll(/^export \{\};?$/gm, '')
    const free = {
      ...fixtures,
      process: this.#process,
      it: (_: string, body: () => unknown) => this.#cases.push(body),
    }
    const AsyncFunction = (async () => {}).constructor as FunctionConstructor
    await new AsyncFunction('load', ...Object.keys(free), code)(this.#load, ...Object.values(free))
  }

  readonly #load = (module: string): unknown => {
    if (module === 'rxjs-atproto') {
      const live = {
        jetstream$: this.#jetstream$,
        jetstreamChunks$: this.#jetstreamChunks$,
        tap$: this.#tap$,
        firehose$: this.#firehose$,
        labels$: this.#labels$,
      }
      const others = {
        tapAdmin: this.#tapAdmin,
        tapRepos$: this.#tapRepos$,
        listRepos$: this.#listRepos$,
      }
      return { ...library, ...onlyLoopback, ...live, ...others }
    }
    if (module === 'rxjs-atproto/cursors/file') {
      return {
        ...files,
        fileCursorStore: (path: string) => files.fileCursorStore(join(this.#folder, path)),
      }
    }
    if (module === 'rxjs-atproto/testing') {
      const suite = {
        describe: (_: string, body: () => void) => body(),
        it: (_: string, body: () => unknown) => this.#cases.push(body),
      }
      const describeCursorStore: typeof testing.describeCursorStore = (name, make) =>
        testing.describeCursorStore(name, make, { globals: suite })
      return { ...testing, describeCursorStore }
    }
    return require(module)
  }

  readonly #jetstream$ = (
    config: library.JetstreamConfig = {},
  ): Observable<library.JetstreamEvent> => {
    const host = isOwn(config.host) ? config.host : this.#server?.url
    // The server plays what it holds to who asks for it; an example's own position means nothing to
    // it.
    const metrics$ = config.metrics$ ?? library.streamMetrics()
    const source$ = library.jetstream$({ ...config, host, metrics$, cursor: 'oldest' })
    return this.#watched(source$, { ...config, metrics$ }, config.host === host)
  }

  readonly #jetstreamChunks$ = (
    config: library.JetstreamChunksConfig = {},
  ): Observable<library.JetstreamChunk> => {
    const metrics$ = library.streamMetrics()
    const host = this.#server?.url
    const source$ = library.jetstreamChunks$({ ...config, host, metrics$, cursor: 'oldest' })
    return this.#watched(source$, { metrics$ }, false).pipe(take(1))
  }

  readonly #tap$ = (config: library.TapConfig = {}): Observable<library.TapEvent> => {
    const host = isOwn(config.host) ? config.host : this.#tap?.url
    const metrics$ = config.metrics$ ?? library.streamMetrics()
    return this.#watched(
      library.tap$({ ...config, host, metrics$ }),
      { metrics$ },
      config.host === host,
    )
  }

  /** One server, whatever the example reads. */
  readonly #firehose$ = (
    config: library.FirehoseConfig = {},
  ): Observable<library.FirehoseEvent> => {
    const metrics$ = library.streamMetrics()
    const source$ = library.firehose$({
      ...config,
      host: this.#firehose?.url,
      metrics$,
      cursor: 'oldest',
    })
    return this.#watched(source$, { metrics$, checkpoint: config.checkpoint }, false)
  }

  readonly #labels$ = (config: library.LabelsConfig): Observable<library.LabelEvent> => {
    const metrics$ = library.streamMetrics()
    const source$ = library.labels$({
      ...config,
      host: this.#labels?.url ?? '',
      metrics$,
      cursor: 'oldest',
    })
    return this.#watched(source$, { metrics$, checkpoint: config.checkpoint }, false)
  }

  /** A listing has an end of its own. */
  readonly #listRepos$ = (config: library.ListReposConfig = {}): Observable<library.RepoEvent> => {
    const host = isOwn(config.host) ? config.host : this.#repos?.url
    const metrics$ = library.streamMetrics()
    return this.#watched(
      library.listRepos$({ ...config, host, metrics$ }),
      { metrics$, checkpoint: config.checkpoint },
      true,
    )
  }

  readonly #tapAdmin = (config: library.TapAdminConfig = {}): library.TapAdmin =>
    library.tapAdmin({ ...config, host: this.#tap?.url })

  // It never ends by itself.
  readonly #tapRepos$ = (config: library.TapReposConfig): Observable<library.TapRepoChange> =>
    library.tapRepos$({ ...config, host: this.#tap?.url }).pipe(takeUntil(this.#end$))

  /** `toItsEnd`: the example has a server and an end of its own. */
  #watched<E>(
    source$: Observable<E>,
    {
      metrics$,
      checkpoint: store,
    }: { readonly metrics$: Observable<library.StreamMetrics>; readonly checkpoint?: unknown },
    toItsEnd: boolean,
  ): Observable<E> {
    const isOver = ({ connection, delivered, open, cursor, checkpoint }: library.StreamMetrics) =>
      connection.state === 'closed' &&
      (connection.reason !== undefined ||
        (delivered > 0 && open === 0 && (store === undefined || checkpoint === cursor)))
    const stream: Stream = { ended: firstValueFrom(metrics$.pipe(filter(isOver))), events: 0 }
    const count = (): void => {
      stream.events += 1
      if (stream.events === EVENTS / 2) this.#process.emit('SIGTERM')
    }
    const note = (error: unknown): void => {
      stream.error = error
    }
    const limit = toItsEnd ? Number.POSITIVE_INFINITY : EVENTS
    return defer(() => {
      this.streams.push(stream)
      return source$.pipe(tap({ next: count, error: note }), take(limit))
    })
  }
}
