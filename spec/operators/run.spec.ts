import { filter, map, NEVER, type Observable, of, retry, tap, throwError } from 'rxjs'
import {
  boundedBatchMap,
  ConfigError,
  type CursorStore,
  healthOf,
  IngestError,
  type JetstreamConfig,
  type JetstreamEvent,
  jetstream$,
  memoryCursorStore,
  PipeError,
  run,
  streamMetrics,
} from '../../src/index.js'
import { type FakeJetstream, fakeJetstream } from '../../src/testing/index.js'

const EVENTS = 20
const silent = { log: false } as const
let server: FakeJetstream
beforeAll(async () => {
  server = await fakeJetstream({ events: EVENTS })
})
afterAll(() => server.close())

const source$ = (config: Partial<JetstreamConfig> = {}): Observable<JetstreamEvent> =>
  jetstream$({ host: server.url, cursor: 'oldest', log: false, ...config })

/** A logger that keeps its lines. */
function recorded() {
  const lines: string[] = []
  const at = (level: string) => (text: string) => lines.push(`${level} ${text}`)
  return { lines, log: { info: at('info'), warn: at('warn'), error: at('error') } }
}

/** An ingestor that tells when all events came. */
function counted() {
  let rest = EVENTS
  let all = () => {}
  const came = new Promise<void>((resolve) => {
    all = resolve
  })
  const take = (): void => {
    rest -= 1
    if (rest === 0) all()
  }
  return { take, came }
}

/** A store that keeps what was asked of it. */
function storeWith(changes: Partial<CursorStore> = {}) {
  const calls: string[] = []
  const memory = memoryCursorStore()
  const store: CursorStore = {
    load: (key) => memory.load(key),
    save: async (key, position) => {
      await memory.save(key, position)
      calls.push('saved')
    },
    close: async () => {
      calls.push('closed')
    },
    ...changes,
  }
  return { store, calls }
}

describe('run', () => {
  it('has the metrics of a source whose config names none, through operators', async () => {
    const events = counted()
    const piped$ = source$().pipe(
      filter(() => true),
      map((event) => event),
    )
    const running = run(piped$, { '*': events.take }, silent)
    expect(running.metrics$.value.connection.state).toBe('connecting')
    await events.came
    await running.stop()
    expect(running.metrics$.value).toMatchObject({
      connection: { state: 'closed', reason: undefined, host: expect.stringContaining('ws://') },
      delivered: EVENTS,
      done: EVENTS,
    })
    expect(running.failed).toBeUndefined()
  })

  it('has them beside the subject that the config names', async () => {
    const [events, metrics$] = [counted(), streamMetrics()]
    const running = run(source$({ metrics$ }), { '*': events.take }, silent)
    await events.came
    await running.stop()
    expect(running.metrics$.value).toBe(metrics$.value)
    expect(metrics$.value.done).toBe(EVENTS)
  })

  it('has those of the next subscription where a `retry` made one', async () => {
    const events = counted()
    let failures = 0
    const flaky$ = source$().pipe(
      map((event) => {
        failures += 1
        if (failures === 1) throw new Error('once')
        return event
      }),
      retry({ delay: 1 }),
    )
    const running = run(flaky$, { '*': events.take }, silent)
    await events.came
    expect(running.metrics$.value.connection.state).toBe('open')
    await running.stop()
    expect(running.metrics$.value).toMatchObject({ delivered: EVENTS, failed: 0 })
  })

  it('has drained when the work has ended, all is saved, and the store is closed', async () => {
    const { store, calls } = storeWith()
    const [events, releases] = [counted(), [] as (() => void)[]]
    const work = (): Promise<void> => {
      events.take()
      return new Promise((resolve) => releases.push(resolve))
    }
    const checkpoint = { store, everyMs: 1_000_000 }
    const running = run(source$({ checkpoint }), { '*': work }, { ...silent, concurrency: EVENTS })
    await events.came
    const stopped = running.stop()
    for (const release of releases) release()
    await stopped
    expect(calls.slice(-2)).toEqual(['saved', 'closed'])
    const { checkpoint: saved, cursor, done } = running.metrics$.value
    expect([saved, done]).toEqual([cursor, EVENTS])
    expect(await running.drained).toBeUndefined()
    expect(running.failed).toBeUndefined()
  })

  it('works with an operator too, which ends what waits in it', async () => {
    const { store, calls } = storeWith()
    const [events, sizes] = [counted(), [] as number[]]
    const size = EVENTS - 1
    const work = boundedBatchMap(
      (batch: readonly JetstreamEvent[]) => {
        sizes.push(batch.length)
        return [undefined]
      },
      { size, maxWaitMs: 1_000_000 },
    )
    const seen$ = source$({ checkpoint: store }).pipe(tap(events.take))
    const running = run(seen$, work, silent)
    await events.came
    expect(sizes).toEqual([size])
    await running.stop()
    expect(sizes).toEqual([size, 1])
    expect(running.metrics$.value).toMatchObject({ delivered: EVENTS, done: EVENTS })
    expect(calls.at(-1)).toBe('closed')
    expect(() => run(source$(), work, { concurrency: 2 } as never)).toThrow('`concurrency`')
  })

  it('cuts work that outlasts `drainMs`, and still saves and closes', async () => {
    const { store, calls } = storeWith()
    const events = counted()
    const work = (): Promise<void> => {
      events.take()
      return new Promise(() => {})
    }
    const options = { ...silent, concurrency: EVENTS, drainMs: 10 }
    const running = run(source$({ checkpoint: store }), { '*': work }, options)
    await events.came
    await running.stop()
    expect(running.metrics$.value).toMatchObject({ open: EVENTS, done: 0 })
    expect(calls.at(-1)).toBe('closed')
  })

  it('has drained although the store hangs', async () => {
    const { store } = storeWith({ save: () => new Promise(() => {}) })
    const events = counted()
    const running = run(
      source$({ checkpoint: store }),
      { '*': events.take },
      { ...silent, drainMs: 0 },
    )
    await events.came
    await running.stop()
    expect(running.metrics$.value.done).toBe(EVENTS)
  })

  it('logs a store that cannot be closed, and has drained', async () => {
    const close = () => Promise.reject(new Error('no disk'))
    const { lines, log } = recorded()
    const events = counted()
    const checkpoint = storeWith({ close }).store
    const running = run(source$({ checkpoint }), { '*': events.take }, { log })
    await events.came
    await running.stop()
    expect(lines).toEqual(['warn the cursor store could not be closed: no disk'])
  })

  it('keeps and logs a fatal error once, and never rejects', async () => {
    const { lines, log } = recorded()
    const { store, calls } = storeWith()
    const broken = () => {
      throw new Error('no table')
    }
    const options = { log, onError: 'fail' } as const
    const running = run(source$({ checkpoint: store }), { '*': broken }, options)
    await running.drained
    expect(running.failed).toBeInstanceOf(IngestError)
    expect(lines).toEqual([
      expect.stringMatching(/^error .* with INGEST: the ingestor of \* failed: no table; see http/),
    ])
    expect(running.metrics$.value.connection).toMatchObject({
      state: 'closed',
      reason: running.failed,
    })
    expect(healthOf(running.metrics$.value).reasons).toEqual([
      'the stream has failed: the ingestor of * failed: no table',
    ])
    expect(calls).toContain('closed')
    await running.stop()
  })

  it('makes an error of the program a PipeError, with its cause', async () => {
    const cause = new TypeError('undefined is no post')
    const thrown$ = throwError((): unknown => cause) as Observable<JetstreamEvent>
    const running = run(thrown$, {}, silent)
    await running.drained
    expect(running.failed).toBeInstanceOf(PipeError)
    expect(running.failed).toMatchObject({ code: 'PIPE', cause })
    expect(running.metrics$.value.connection.state).toBe('closed')
  })

  it('has drained when the source completes', async () => {
    const seen: unknown[] = []
    const event = { kind: 'identity', did: 'did:plc:a' }
    const running = run(of(event, event), { identity: (one) => void seen.push(one) }, silent)
    await running.drained
    expect([seen, running.failed]).toEqual([[event, event], undefined])
  })

  it('stops at the first signal, and leaves the second to the process', async () => {
    const { lines, log } = recorded()
    const before = process.listenerCount('SIGTERM')
    const events = counted()
    const running = run(source$(), { '*': events.take }, { signals: true, log })
    expect(process.listenerCount('SIGTERM')).toBe(before + 1)
    await events.came
    process.emit('SIGTERM', 'SIGTERM')
    expect(process.listenerCount('SIGTERM')).toBe(before)
    expect(process.listenerCount('SIGINT')).toBe(before)
    await running.drained
    expect(lines).toEqual(['info SIGTERM: reading has stopped; work may take 8 s to end'])
    expect(running.metrics$.value).toMatchObject({ done: EVENTS, connection: { state: 'closed' } })
  })

  it('stops at Ctrl+Break, as Windows tells it', async () => {
    const running = run(NEVER, {}, { ...silent, signals: true })
    process.emit('SIGBREAK', 'SIGBREAK')
    await running.drained
    expect(process.listenerCount('SIGBREAK')).toBe(0)
  })

  it('listens for no signal unless it is told to, and for none after the end', async () => {
    const before = process.listenerCount('SIGTERM')
    const running = run(source$(), {}, silent)
    expect(process.listenerCount('SIGTERM')).toBe(before)
    await running.stop()
    await run(of(), {}, { ...silent, signals: true }).drained
    expect(process.listenerCount('SIGTERM')).toBe(before)
  })

  it('takes a Map of ingestors', async () => {
    const events = counted()
    const ingestors = new Map([['*', (_event: JetstreamEvent) => events.take()]])
    const running = run(source$(), ingestors, silent)
    await events.came
    await running.stop()
    expect(running.metrics$.value.done).toBe(EVENTS)
  })

  it('refuses a config that is not valid with all of its mistakes, before any connection', () => {
    const options = { signals: 'yes', drainMs: -1, size: 3 } as never
    const start = () => run(source$(), { 'no nsid': 7 } as never, options)
    expect(start).toThrow(ConfigError)
    expect(start).toThrow(/^run: [\s\S]*`no nsid`[\s\S]*`drainMs`[\s\S]*`signals`[\s\S]*`size`/)
  })
})
