import { Agent } from 'node:http'
import { of, Subject } from 'rxjs'
import * as z from 'zod'
import {
  boundedMergeMap,
  type Gap,
  type JetstreamConfig,
  type JetstreamEvent,
  type JetstreamFilters,
  jetstream$,
  memoryCursorStore,
  type RejectedFrame,
  rawText,
  streamMetrics,
} from '../../src/index.js'
import {
  type FakeJetstream,
  type FakeJetstreamOptions,
  fakeArchive,
  fakeJetstream,
} from '../../src/testing/index.js'
import { first, generated, watched } from './watched.js'

// Compression is shown beside its decoders, and a blind host, which takes minutes, in virtual time.
type Option = Exclude<keyof JetstreamConfig, 'compress' | 'zstdDictionary' | 'blindTimeoutMs'>

const posts = (count: number) =>
  generated(count).filter(
    (event) => event.kind === 'commit' && event.commit.collection === 'app.bsky.feed.post',
  )
const [first$] = generated(1)

async function withServer(
  options: FakeJetstreamOptions,
  body: (server: FakeJetstream) => Promise<void>,
): Promise<void> {
  await using server = await fakeJetstream(options)
  await body(server)
}

/** The time of dialling again after one refusal. */
const retryMs = (
  config: JetstreamConfig,
  faults: FakeJetstreamOptions['faults'] = [{ onConnect: 1, do: 'refuse' }],
) =>
  fakeJetstream({ events: 1, generate: { startUs: Date.now() * 1000 }, faults }).then(
    async (server) => {
      await first(1, watched(server, config).events$)
      const [one, two] = server.attempts
      await server.close()
      return (two?.startedAt ?? 0) - (one?.startedAt ?? 0)
    },
  )

// A line for each option, which the compiler asks for.
const EFFECTS: Readonly<Record<Option, () => Promise<void>>> = {
  host: () =>
    withServer(
      { events: 1 },
      async (server) =>
        void expect(await first(1, jetstream$({ host: server.url }))).toHaveLength(1),
    ),
  wire: () =>
    withServer({ events: 2, server: 'v2' }, async (server) => {
      await first(1, watched(server, { wire: 'v1' }).events$)
      expect(server.attempts.map(({ url }) => url)).toEqual(['/subscribe'])
    }),
  archive: async () => {
    await using server = await fakeArchive({ events: 40, sealed: 20, retainEvents: 20 })
    const read$ = jetstream$({ host: server.host, cursor: 'oldest', archive: true })
    expect(await first(40, read$)).toEqual(server.events)
  },
  decode: () =>
    withServer({ events: 1 }, async (server) => {
      const [event] = await first(1, watched(server, { decode: 'lazy' }).events$)
      expect(rawText(event as JetstreamEvent)).toBe(JSON.stringify(generated(1)[0]))
    }),
  reconnect: async () => {
    for (const initialDelayMs of [400, 1]) {
      await withServer({ events: 1, faults: [{ onConnect: 1, do: 'refuse' }] }, async (server) => {
        const source = watched(server, { reconnect: { initialDelayMs, jitter: 'none' } })
        await first(1, source.events$)
        expect(Math.max(...source.snapshots.map(({ currentBackoffMs }) => currentBackoffMs))).toBe(
          initialDelayMs,
        )
      })
    }
  },
  refusedForMs: () => {
    const away = { onConnect: 2, times: 9, do: 'refuse', status: 404, optional: true } as const
    return withServer({ events: 2, faults: [{ after: 1, do: 'drop' }, away] }, async (server) => {
      await expect(first(2, watched(server, { refusedForMs: 5 }).events$)).rejects.toMatchObject({
        status: 404,
      })
    })
  },
  connectTimeoutMs: async () => {
    expect(await retryMs({ connectTimeoutMs: 150 }, [{ onConnect: 1, do: 'hang' }])).toBeLessThan(
      8_000,
    )
  },
  idleTimeoutMs: async () => {
    expect(await retryMs({ idleTimeoutMs: 120 }, [{ after: 0, do: 'silence' }])).toBeLessThan(
      15_000,
    )
  },
  silentTimeoutMs: async () => {
    expect(await retryMs({ silentTimeoutMs: 120 }, [{ after: 0, do: 'stall' }])).toBeLessThan(
      15_000,
    )
  },
  pauseCloseMs: () =>
    withServer({ events: 200 }, async (server) => {
      const gate = new Subject<void>()
      const source = watched(server, { pauseCloseMs: 30 })
      const subscription = source.events$
        .pipe(boundedMergeMap(() => gate, { capacity: 10 }))
        .subscribe()
      expect((await server.closed()).closed?.code).toBe(1000)
      subscription.unsubscribe()
    }),
  maxFrameBytes: () => {
    const large = JSON.stringify({ ...generated(2)[1], padding: 'x'.repeat(5000) })
    return withServer(
      { events: [JSON.stringify(generated(1)[0]), large, JSON.stringify(generated(3)[2])] },
      async (server) => {
        const source = watched(server, { maxFrameBytes: 4000 })
        expect(await first(2, source.events$)).toEqual([generated(1)[0], generated(3)[2]])
        expect(source.gaps).toMatchObject([{ reason: 'frame-too-large' }])
      },
    )
  },
  headers: () =>
    withServer({ events: 1 }, async (server) => {
      await first(1, watched(server, { headers: { 'x-spec': 'yes' } }).events$)
      expect((await server.connected()).headers['x-spec']).toBe('yes')
    }),
  userAgent: () =>
    withServer({ events: 2 }, async (server) => {
      await first(1, watched(server).events$)
      await first(1, watched(server, { userAgent: 'spec/1', cursor: 'oldest' }).events$)
      const agents = server.connections.map(({ headers }) => headers['user-agent'])
      expect(agents).toEqual([expect.stringMatching(/^rxjs-atproto\/\d/), 'spec/1'])
    }),
  agent: () =>
    withServer({ events: 1 }, async (server) => {
      const agent = new Agent()
      const opened = jest.spyOn(agent, 'createConnection' as never)
      await first(1, watched(server, { agent }).events$)
      expect(opened).toHaveBeenCalledTimes(1)
    }),
  metrics$: () =>
    withServer({ events: 5 }, async (server) => {
      const metrics$ = streamMetrics()
      await first(5, watched(server, { metrics$ }).events$)
      expect(metrics$.value).toMatchObject({ delivered: 5, connection: { state: 'closed' } })
    }),
  rejects: () =>
    withServer({ events: 2, faults: [{ after: 1, do: 'garbage', frame: 'x' }] }, async (server) => {
      const rejects: RejectedFrame[] = []
      await first(
        2,
        watched(server, { rejects: { next: (rejected) => rejects.push(rejected) } }).events$,
      )
      expect(rejects).toMatchObject([{ frame: 'x' }])
    }),
  gaps: () =>
    withServer({ events: 50, retainEvents: 5, stored: 'all' }, async (server) => {
      const gaps: Gap[] = []
      const cursor = (first$?.time_us ?? 0) - 7_200_000_000
      await first(1, watched(server, { cursor, gaps: { next: (gap) => gaps.push(gap) } }).events$)
      expect(gaps).toMatchObject([{ reason: 'cursor-too-old', from: cursor }])
    }),
  log: () =>
    withServer({ events: 50, stored: 'all' }, async (server) => {
      const warn = jest.fn()
      await first(1, watched(server, { cursor: 24_664_288_884, log: { warn } }).events$)
      expect(warn.mock.calls).toEqual([
        [
          expect.stringMatching(
            /^ws:.*: the position was given up, going on from the oldest event: /,
          ),
        ],
      ])
    }),
  cursor: () =>
    withServer({ events: 50, stored: 'all' }, async (server) => {
      expect(await first(50, watched(server, { cursor: 'oldest' }).events$)).toEqual(generated(50))
      const at = generated(50)[30]?.time_us ?? 0
      expect(await first(20, watched(server, { cursor: at }).events$)).toEqual(
        generated(50).slice(30),
      )
      expect(
        await first(20, watched(server, { cursor: new Date(Math.floor(at / 1000)) }).events$),
      ).toHaveLength(20)
    }),
  checkpoint: () =>
    withServer({ events: 50, stored: 'all' }, async (server) => {
      const checkpoint = memoryCursorStore()
      await first(20, watched(server, { cursor: 'oldest', checkpoint }).events$)
      await new Promise(setImmediate)
      const [event] = await first(1, watched(server, { cursor: 'oldest', checkpoint }).events$)
      expect(event).toEqual(generated(20)[19])
    }),
  onCursorRefused: () =>
    withServer({ events: 50, stored: 'all' }, async (server) => {
      const cursor = 24_664_288_884
      await expect(
        first(1, watched(server, { cursor, onCursorRefused: 'fail' }).events$),
      ).rejects.toMatchObject({ code: 'CURSOR_REFUSED' })
      expect(
        await first(1, watched(server, { cursor, onCursorRefused: 'oldest' }).events$),
      ).toEqual(generated(1))
    }),
  collections: () =>
    withServer({ events: 500 }, async (server) => {
      const wanted = posts(500)
      const config = { collections: ['app.bsky.feed.post'], kinds: ['commit'] } as const
      expect(await first(wanted.length, watched(server, config).events$)).toEqual(wanted)
      expect(server.sent).toBeLessThan(wanted.length + 50)
    }),
  dids: () =>
    withServer({ events: 500, generate: { repos: 5 } }, async (server) => {
      const [{ did = '' } = {}] = generated(1, { repos: 5 })
      const wanted = generated(500, { repos: 5 }).filter((event) => event.did === did)
      expect(await first(wanted.length, watched(server, { dids: [did] }).events$)).toEqual(wanted)
      expect(server.sent).toBe(wanted.length)
    }),
  kinds: () =>
    withServer({ events: 1000 }, async (server) => {
      const wanted = generated(1000).filter(({ kind }) => kind === 'account')
      const source = watched(server, { kinds: ['account'] })
      expect(await first(wanted.length, source.events$)).toEqual(wanted)
      expect(source.metrics.filtered).toBeGreaterThan(0)
    }),
  maxMessageSizeBytes: () =>
    withServer({ events: 200 }, async (server) => {
      const events = await first(20, watched(server, { maxMessageSizeBytes: 400 }).events$)
      expect(Math.max(...events.map((event) => JSON.stringify(event).length))).toBeLessThanOrEqual(
        400,
      )
      expect((await server.connected()).params.get('maxMessageSizeBytes')).toBe('400')
    }),
  filters$: () =>
    withServer({ events: 1 }, async (server) => {
      const source = watched(server, {
        collections: ['app.bsky.feed.post'],
        filters$: of({ collections: ['app.bsky.feed.like'] }),
      })
      const subscription = source.events$.subscribe()
      await source.when(({ connection }) => connection.state === 'open')
      const asked = server.connections
        .flatMap(({ params, messages }) => [...params.getAll('wantedCollections'), ...messages])
        .at(-1)
      expect(asked).toContain('app.bsky.feed.like')
      subscription.unsubscribe()
      await server.closed()
    }),
  filterChangesEveryMs: () =>
    withServer({ events: 1, server: 'v2' }, async (server) => {
      const filters$ = new Subject<JetstreamFilters>()
      const config = {
        wire: 'v2',
        host: server.host,
        filters$,
        filterChangesEveryMs: 60_000,
      } as const
      const subscription = watched(server, config).events$.subscribe()
      await server.connected()
      for (const nsid of ['a.b.one', 'a.b.two']) filters$.next({ collections: [nsid] })
      expect((await server.connected(2)).url).toContain('a.b.one')
      subscription.unsubscribe()
    }),
  records: () =>
    withServer({ events: 500 }, async (server) => {
      const never = z.object({ text: z.never() })
      const source = watched(server, {
        kinds: ['commit'],
        records: { 'app.bsky.feed.post': never },
      })
      const rest = generated(500).filter(
        (event) => event.kind === 'commit' && event.commit.collection !== 'app.bsky.feed.post',
      )
      await first(rest.length, source.events$)
      expect(source.metrics.rejected).toBeGreaterThan(50)
    }),
}

describe('dead options', () => {
  it.each(Object.entries(EFFECTS))('`%s` changes what can be seen', (_, shows) => shows())
})
