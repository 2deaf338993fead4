import { filter, firstValueFrom, NEVER, Subject, take, toArray } from 'rxjs'
import { connections, wireV1 } from '#jetstream'
import { checkpointing, resuming } from '#parts'
import { ConnectError } from '../../../src/errors.js'
import {
  type JetstreamConfig,
  type JetstreamEvent,
  type JetstreamFilters,
  jetstream$,
  memoryCursorStore,
  run,
  streamMetrics,
} from '../../../src/index.js'
import type { Part } from '../../../src/internal/part.js'
import { type FakeJetstream, fakeJetstream, generateEvents } from '../../../src/testing/index.js'

jest.mock('#parts', () => jest.requireActual('../../../src/live/parts/when-needed'))
jest.mock('#jetstream', () =>
  jest.requireActual('../../../src/sources/jetstream/parts/when-needed'),
)

const parts: readonly Part<unknown>[] = [resuming, checkpointing, connections, wireV1]
const loaders = parts.map(({ load }) => load)

/** A page that has loaded nothing yet. */
beforeEach(() => {
  for (const [index, part] of parts.entries())
    Object.assign(part, { loaded: undefined, load: loaders[index] })
})

const beforeLoading = <Module>(part: Part<Module>, first: () => unknown): void => {
  const { load } = part
  Object.assign(part, { load: async () => [await first(), await load()][1] })
}

const EVENTS = 400
const times = [...generateEvents({ count: EVENTS })].map((event) => event.time_us)

const timesFrom = (server: FakeJetstream, config: JetstreamConfig = {}): Promise<number[]> =>
  new Promise((resolve, reject) => {
    const reconnect = { initialDelayMs: 1 }
    jetstream$({ host: server.url, reconnect, log: false, ...config })
      .pipe(take(EVENTS), toArray())
      .subscribe({
        next: (events) => resolve(events.map(({ time_us }) => time_us)),
        error: reject,
      })
  })

const cut = () => fakeJetstream({ events: EVENTS, faults: [{ after: 150, do: 'drop' }] })

describe('a stream in a page', () => {
  it('loads what a reconnect needs beside its first connection, not before', async () => {
    await using server = await fakeJetstream({ faults: [{ after: 150, do: 'drop' }] })
    const connected = new Promise<number>((resolve) =>
      beforeLoading(resuming, () => resolve(server.connections.length)),
    )
    const received = timesFrom(server)
    expect(await connected).toBe(1)
    server.emit(...generateEvents({ count: EVENTS }))
    expect(await received).toEqual(times)
    expect([checkpointing.loaded, connections.loaded]).toEqual([undefined, undefined])
  })

  it('waits for that before it dials again', async () => {
    await using server = await cut()
    beforeLoading(resuming, () => server.closed())
    expect(await timesFrom(server)).toEqual(times)
  })

  it('takes a part that cannot be loaded for a failed dial, and tries again', async () => {
    await using server = await cut()
    const metrics$ = streamMetrics()
    const reasons = new Set<string>()
    metrics$.subscribe(({ connection }) => reasons.add(connection.reason?.message ?? ''))
    let failures = 0
    beforeLoading(resuming, () => {
      failures += 1
      if (failures < 4) throw new ConnectError('a part of this library cannot be loaded')
    })
    expect(await timesFrom(server, { metrics$ })).toEqual(times)
    expect(reasons).toContain('a part of this library cannot be loaded')
    expect(failures).toBe(4)
  })

  it.each([
    ['loads what a checkpoint needs first', [resuming, checkpointing]],
    ['waits for what resumes, where another stream has loaded the checkpoint', [resuming]],
  ])('%s, and goes on from the stored position', async (_, missing) => {
    await using server = await fakeJetstream({ events: EVENTS, stored: 'all' })
    const store = memoryCursorStore()
    const config: JetstreamConfig = { host: server.url, checkpoint: { store }, log: false }
    const first = await new Promise<JetstreamEvent[]>((resolve) =>
      jetstream$({ ...config, cursor: 'oldest' })
        .pipe(take(100), toArray())
        .subscribe(resolve),
    )
    for (const part of missing) Object.assign(part, { loaded: undefined })
    beforeLoading(resuming, () => new Promise(setImmediate))
    const rest = await new Promise<JetstreamEvent[]>((resolve) =>
      jetstream$(config)
        .pipe(take(EVENTS - 99), toArray())
        .subscribe(resolve),
    )
    expect(first.concat(rest.slice(1)).map(({ time_us }) => time_us)).toEqual(times)
  })

  it('keeps the newest filters that come while their part is loaded', async () => {
    await using server = await fakeJetstream()
    const filters$ = new Subject<JetstreamFilters>()
    const subscription = jetstream$({ host: server.url, filters$, log: false }).subscribe()
    filters$.next({ collections: ['a.b.first'] })
    filters$.next({ collections: ['a.b.newest'] })
    await server.connected()
    subscription.unsubscribe()
    expect(server.attempts.map(({ url }) => url.includes('a.b.newest'))).toEqual([true])
  })

  it('is found by `run`, with its store, although a part comes first', async () => {
    await using server = await fakeJetstream()
    const close = jest.fn(async () => {})
    const store = { ...memoryCursorStore(), close }
    const stream$ = jetstream$({
      ...{ host: server.url, filters$: NEVER, log: false as const, checkpoint: { store } },
    })
    const running = run(stream$, {}, { log: false })
    await firstValueFrom(running.metrics$.pipe(filter(({ wire }) => wire === 'v1')))
    await running.stop()
    expect(close).toHaveBeenCalled()
  })
})
