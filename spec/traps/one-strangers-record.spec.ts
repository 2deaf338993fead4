import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { encode } from '@atcute/cbor'
import { firstValueFrom, lastValueFrom, type Observable, take, toArray } from 'rxjs'
import {
  boundedMergeMap,
  type CursorStore,
  type FirehoseEvent,
  firehose$,
  type JetstreamEvent,
  jetstream$,
  labels$,
  listRepos$,
  memoryCursorStore,
  RecordError,
  type RejectedFrame,
  tap$,
} from '../../src/index.js'
import { redisStream$, toRedisStream } from '../../src/redis.js'
import { redisCommands } from '../../src/redis-client/commands.js'
import {
  type FakeJetstream,
  type FakeJetstreamOptions,
  fakeFirehose,
  fakeJetstream,
  fakeLabels,
  fakeRepos,
  fakeTap,
  generateRepos,
} from '../../src/testing/index.js'
import {
  deep,
  emptyMaps,
  FRAMES,
  GOOD,
  HOSTILE,
  type HostileRecord,
  keys,
  linkAt,
  zeros,
} from '../helpers/hostile.js'
import { describeRedis, type RedisServer, redisServer } from '../helpers/redis-server.js'
import { clients, type OpenClient } from '../redis-client/clients.js'
import { label, labelsFrame } from '../sources/labels/streams.js'

const DICTIONARY = readFileSync(resolve(__dirname, '../zstd/dictionaries/1111.zdict'))

interface Options {
  readonly checkpoint?: CursorStore
  readonly rejects?: Rejects
}

/** An observer that keeps the rejects it receives. */
class Rejects {
  readonly all: RejectedFrame[] = []

  next(rejected: RejectedFrame): void {
    this.all.push(rejected)
  }

  get messages(): readonly string[] {
    return this.all.map(({ error }) => error.message)
  }

  /** The message and the position of each. */
  get summaries(): readonly (readonly [message: string, position: number | undefined])[] {
    return this.all.map(({ error }) => [error.message, error.place?.position])
  }
}

/** A source on a server that has these events, in this order, from the first one on. */
interface Served extends AsyncDisposable {
  readonly events$: (options?: Options) => Observable<unknown>
}
type Serve = (...records: readonly HostileRecord[]) => Promise<Served>

/** A Jetstream that holds these texts. */
const jetstreamServer = (
  wire: 'v1' | 'v2',
  events: readonly string[],
  options: FakeJetstreamOptions = {},
): Promise<FakeJetstream> =>
  fakeJetstream({
    events,
    stored: 'all',
    firstSeq: 24_000_000_001,
    ...(wire === 'v2' ? { server: 'v2' } : {}),
    ...options,
  })

const fromOldest = (wire: 'v1' | 'v2', server: FakeJetstream) =>
  ({ host: wire === 'v2' ? server.host : server.url, wire, cursor: 'oldest' }) as const

const jetstreamOf =
  (wire: 'v1' | 'v2', decode: 'eager' | 'lazy', compress = false): Serve =>
  async (...records) => {
    const events = records.map((record, index) => FRAMES[wire](index + 1, record))
    const server = await jetstreamServer(wire, events, compress ? { dictionary: DICTIONARY } : {})
    const zstd = compress ? { compress, zstdDictionary: DICTIONARY } : {}
    return {
      events$: (options) =>
        jetstream$({ ...fromOldest(wire, server), decode, ...zstd, ...options }),
      [Symbol.asyncDispose]: () => server.close(),
    }
  }

const WIRES: readonly (readonly [name: string, serve: Serve])[] = [
  ['jetstream v1', jetstreamOf('v1', 'eager')],
  ['jetstream v2', jetstreamOf('v2', 'eager')],
  ['lazy jetstream v1', jetstreamOf('v1', 'lazy')],
  ['lazy jetstream v2', jetstreamOf('v2', 'lazy')],
  ['compressed jetstream v1', jetstreamOf('v1', 'eager', true)],
  ['compressed lazy jetstream v2', jetstreamOf('v2', 'lazy', true)],
  [
    'firehose',
    async (...records) => {
      const server = await fakeFirehose({
        events: records.map((record, index) => FRAMES.firehose(index + 1, record)),
        stored: 'all',
      })
      return {
        events$: (options) => firehose$({ host: server.url, cursor: 'oldest', ...options }),
        [Symbol.asyncDispose]: () => server.close(),
      }
    },
  ],
  [
    'tap',
    async (...records) => {
      const server = await fakeTap({
        frames: records.map((record, index) => FRAMES.tap(index + 1, record)),
      })
      return {
        // A Tap keeps the position itself.
        events$: ({ rejects } = {}) => tap$({ host: server.url, ...(rejects && { rejects }) }),
        [Symbol.asyncDispose]: () => server.close(),
      }
    },
  ],
]

/** The record of an event: its value, or that it cannot be read. */
function recordOf(event: unknown): unknown {
  const holder =
    (event as { commit?: { record?: unknown; problem?: string } }).commit ??
    (event as { record?: unknown; problem?: string })
  try {
    return holder.record ?? holder.problem
  } catch (error) {
    if (error instanceof RecordError) return 'record-unreadable'
    throw error
  }
}

const rkeyOf = (event: unknown): string =>
  (event as { commit?: { rkey: string } }).commit?.rkey ?? (event as { rkey: string }).rkey

const read = (count: number, events$: Observable<unknown>): Promise<readonly unknown[]> =>
  lastValueFrom(events$.pipe(take(count), toArray()))

describe.each(WIRES)('on %s, a record', (name, serve) => {
  it.each(HOSTILE)(
    'of %s is told as unreadable by its event, and its neighbours come',
    async (_, record) => {
      await using server = await serve(GOOD, record, GOOD)
      const rejects = new Rejects()
      const events = await read(3, server.events$({ rejects }))
      expect(events.map(rkeyOf)).toEqual(['1', '2', '3'])
      expect(events.map(recordOf)).toEqual([
        { text: 'good' },
        'record-unreadable',
        { text: 'good' },
      ])
      expect(rejects.all).toEqual([])
    },
  )

  it('of 64 levels, a link among them, is good, and of 65 it is not', async () => {
    await using server = await serve(deep(64), deep(65), linkAt(64), linkAt(65))
    const events = await read(4, server.events$())
    expect(events.map(recordOf)).toEqual([
      JSON.parse(deep(64).json),
      'record-unreadable',
      JSON.parse(linkAt(64).json),
      'record-unreadable',
    ])
    expect(rkeyOf(events[3])).toBe('4')
  })

  it('of 131,072 members is good, and of one more it is not', async () => {
    await using server = await serve(
      emptyMaps(131_071),
      emptyMaps(131_072),
      zeros(131_071),
      zeros(131_072),
      keys(131_072),
      keys(131_073),
    )
    const events = await read(6, server.events$())
    expect(events.map((event) => recordOf(event) === 'record-unreadable')).toEqual([
      false,
      true,
      false,
      true,
      false,
      true,
    ])
  })

  it('beyond the bounds does not end a program that writes JSON, over restarts', async () => {
    await using server = await serve(GOOD, deep(100_000), emptyMaps(200_000), GOOD)
    const checkpoint = memoryCursorStore()
    const lines: string[] = []
    const write = async (event: unknown): Promise<void> => {
      lines.push(name === 'firehose' ? firehoseLine(event) : JSON.stringify(event))
    }
    const events$ = server
      .events$({ checkpoint })
      .pipe(take(4), boundedMergeMap(write, { concurrency: 1 }))
    await lastValueFrom(events$, { defaultValue: undefined })
    expect(lines.map((line) => JSON.parse(line)).map(rkeyOf)).toEqual(['1', '2', '3', '4'])
    expect(lines.join('').length).toBeLessThan(5000)
    if (name === 'tap') return
    // The last event that is done comes once more.
    const [again] = await read(1, server.events$({ checkpoint }))
    expect(rkeyOf(again)).toBe('4')
  })
})

/** The firehose decodes a record when somebody reads it, which here is the writer. */
function firehoseLine(event: unknown): string {
  try {
    return JSON.stringify(event)
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    return JSON.stringify({ commit: { rkey: rkeyOf(event) } })
  }
}

/** Everything but its record. */
const withoutRecord = (event: JetstreamEvent | FirehoseEvent): unknown =>
  JSON.parse(JSON.stringify({ ...event, commit: (event as { commit: unknown }).commit }))

describe('an event with an unreadable record', () => {
  it.each(['eager', 'lazy'] as const)(
    'read with decode: %s, is listed, copied and written as JSON without it',
    async (decode) => {
      await using server = await jetstreamOf('v1', decode)(deep(5000))
      const [event] = (await read(1, server.events$())) as readonly JetstreamEvent[]
      const { commit } = event as JetstreamEvent & { readonly commit: { record?: unknown } }
      const expected = {
        rev: '3l1',
        operation: 'create',
        collection: 'com.example.odd',
        rkey: '1',
        cid: expect.stringMatching(/^bafyrei/),
        problem: 'record-unreadable',
      }
      for (const copy of [commit, { ...commit }, structuredClone(commit)])
        expect({ ...copy }).toEqual(expected)
      expect(withoutRecord(event as JetstreamEvent)).toMatchObject({
        kind: 'commit',
        commit: expected,
      })
      expect(() => commit.record).toThrow('the record is more than 64 levels deep')
      expect(() => commit.record).toThrow(RecordError)
      commit.record = { mine: true }
      expect({ ...commit }).toEqual({ ...expected, record: { mine: true } })
    },
  )

  it('is a reject, with its place, where a schema checks the collection', async () => {
    await using server = await jetstreamOf('v1', 'eager')(deep(65), GOOD)
    const validate = (value: unknown) => ({ value })
    const rejects = new Rejects()
    const events$ = (server as { events$: (options: object) => Observable<unknown> }).events$({
      records: { 'com.example.odd': { '~standard': { version: 1, vendor: 'spec', validate } } },
      rejects,
    })
    expect((await read(1, events$)).map(rkeyOf)).toEqual(['2'])
    expect(rejects.summaries).toEqual([
      [expect.stringContaining('more than 64 levels deep'), expect.any(Number)],
    ])
  })

  it('is acked by a Tap, and does not block its repository', async () => {
    await using server = await fakeTap({
      frames: [
        FRAMES.tap(1, deep(100_000)),
        FRAMES.tap(2, emptyMaps(200_000)),
        FRAMES.tap(3, GOOD),
      ],
    })
    const events = await read(3, tap$({ host: server.url }))
    expect(events).toMatchObject([
      { id: 1, problem: 'record-unreadable' },
      { id: 2, problem: 'record-unreadable' },
      { id: 3 },
    ])
    expect(events.map((event) => 'record' in (event as object))).toEqual([false, false, true])
    await server.when(() => server.acks.length === 3)
    expect(server.acks.map(({ id }) => id).sort()).toEqual([1, 2, 3])
  })
})

describe('content that is no record', () => {
  const identity = (wire: 'v1' | 'v2', content: string): string =>
    wire === 'v1'
      ? `{"did":"did:plc:a","time_us":1767225600002000,"kind":"identity","identity":${content}}`
      : '{"$type":"message",' +
        '"payload":{"$type":"network.bsky.jetstream.subscribeEvents#identity","did":"did:plc:a",' +
        `"identity":${content},"seq":24000000002,"time":"2026-01-01T00:00:00.002000Z"}}`

  it.each([
    ['v1', 'eager'],
    ['v1', 'lazy'],
    ['v2', 'eager'],
    ['v2', 'lazy'],
  ] as const)(
    'is an identity on wire %s (%s): good with 64 levels, a reject with its place beyond',
    async (wire, decode) => {
      const events = [deep(64), deep(65), deep(100_000), emptyMaps(200_000)].map(({ json }) =>
        identity(wire, json),
      )
      const all = [FRAMES[wire](1, GOOD), ...events, FRAMES[wire](9, GOOD)]
      await using server = await jetstreamServer(wire, all)
      const rejects = new Rejects()
      const read$ = jetstream$({ ...fromOldest(wire, server), decode, rejects })
      const kinds = (await read(3, read$)).map((event) => (event as JetstreamEvent).kind)
      expect(kinds).toEqual(['commit', 'identity', 'commit'])
      expect(rejects.messages).toEqual([
        'the frame holds what is more than 64 levels deep',
        'the frame holds what is more than 64 levels deep',
        'the frame holds what is more than 131,072 members and items in all',
      ])
      for (const { error } of rejects.all) expect(error.place?.position).toBeGreaterThan(1e9)
    },
  )

  it.each(['v1', 'v2'] as const)(
    'is an event of a kind that nobody knows, on wire %s: a reject with its place',
    async (wire) => {
      // Where a commit has its record, too.
      const odd = (name: string, { json }: HostileRecord): string =>
        identity(wire, 'IDENTITY')
          .replace('"kind":"identity"', '"kind":"odd"')
          .replace('#identity', '#odd')
          .replace(
            '"identity":IDENTITY',
            name === 'record' && wire === 'v1'
              ? `"commit":{"record":${json}}`
              : `"${name}":${json}`,
          )
      const events = [
        odd('odd', deep(64)),
        odd('odd', deep(65)),
        odd('record', deep(64)),
        odd('record', deep(65)),
      ]
      await using server = await jetstreamServer(wire, [...events, FRAMES[wire](9, GOOD)])
      const rejects = new Rejects()
      const read$ = jetstream$({ ...fromOldest(wire, server), rejects })
      const kinds = (await read(3, read$)).map((event) => (event as { kind: string }).kind)
      expect(kinds).toEqual(['odd', 'odd', 'commit'])
      expect(rejects.messages).toEqual(
        Array(2).fill('the frame holds what is more than 64 levels deep'),
      )
      for (const { error } of rejects.all) expect(error.place?.position).toBeGreaterThan(1e9)
    },
  )

  it('is an identity of a Tap: a reject with its id, which `onReject` acks', async () => {
    const odd = (id: number, { json }: HostileRecord): string =>
      `{"id":${id},"type":"identity","identity":{"did":"did:plc:a","handle":"a.test",` +
      `"is_active":true,"status":"active","x":${json}}}`
    await using server = await fakeTap({
      frames: [odd(1, deep(64)), odd(2, deep(100_000)), FRAMES.tap(3, GOOD)],
    })
    const rejects = new Rejects()
    const events$ = tap$({
      host: server.url,
      onReject: 'ack',
      rejects,
    })
    const events = await read(1, events$)
    expect(events).toMatchObject([{ id: 3 }])
    expect(rejects.all.map(({ error }) => error.place?.position)).toEqual([1, 2])
    await server.when(() => server.acks.length === 3)
  })

  it('is a message of the firehose: a reject with its place, and its neighbours come', async () => {
    const body = { seq: 2, did: 'did:plc:a', time: '2026-01-01T00:00:02.000Z' }
    const odd = (record: HostileRecord): Uint8Array =>
      // Its members in order: a list of the name `aa` stands before all others.
      Buffer.concat([
        encode({ op: 1, t: '#identity' }),
        Uint8Array.of(0xa4, 0x62, 0x61, 0x61),
        record.cbor,
        encode(body).subarray(1),
      ])
    await using server = await fakeFirehose({
      events: [
        FRAMES.firehose(1, GOOD),
        odd(deep(100_000)),
        odd(emptyMaps(200_000)),
        FRAMES.firehose(3, GOOD),
      ],
      stored: 'all',
    })
    const rejects = new Rejects()
    const config = {
      host: server.url,
      cursor: 'oldest',
      rejects,
    } as const
    expect((await read(2, firehose$(config))).map(rkeyOf)).toEqual(['1', '3'])
    expect(rejects.summaries).toEqual([
      ['the body is more than 64 levels deep', 2],
      ['the body is more than 131,072 members and items in all', 2],
    ])
  })

  it('is a label: good with 64 levels, a reject beyond; the others arrive', async () => {
    const odd = (val: string, levels: number) => label(val, { x: nested(levels - 1) })
    const frame = labelsFrame(1, odd('a', 64), odd('b', 65), 'c')
    await using server = await fakeLabels({ events: [frame, labelsFrame(2, 'd')], stored: 'all' })
    const rejects = new Rejects()
    const config = {
      host: server.url,
      cursor: 'oldest',
      rejects,
    } as const
    const labels = await lastValueFrom(labels$(config).pipe(take(3), toArray()))
    expect(labels.map(({ seq, val }) => `${seq}${val}`)).toEqual(['1a', '1c', '2d'])
    expect(rejects.summaries).toEqual([['the label is more than 64 levels deep', 1]])
  })

  it('is a label of a million empty objects: a reject; the others arrive', async () => {
    const good = encode(label('a'))
    const labels = Buffer.concat([Uint8Array.of(0x83), good, emptyMaps(1_000_000).cbor, good])
    const frame = Buffer.concat([
      encode({ op: 1, t: '#labels' }),
      Uint8Array.of(0xa2, 0x63, ...Buffer.from('seq'), 1, 0x66, ...Buffer.from('labels')),
      labels,
    ])
    await using server = await fakeLabels({ events: [frame, labelsFrame(2, 'd')], stored: 'all' })
    const rejects = new Rejects()
    const config = {
      host: server.url,
      cursor: 'oldest',
      rejects,
    } as const
    const read = await lastValueFrom(labels$(config).pipe(take(3), toArray()))
    expect(read.map(({ seq, val }) => `${seq}${val}`)).toEqual(['1a', '1a', '2d'])
    expect(rejects.messages).toEqual(['the label is more than 131,072 members and items in all'])
  })

  it('is a frame with one good label: one error, one copy, a reject for each', async () => {
    const frame = labelsFrame(1, 'a', ...Array.from({ length: 20_000 }, () => ({})))
    await using server = await fakeLabels({ events: [frame], stored: 'all' })
    const rejects = new Rejects()
    const config = {
      host: server.url,
      cursor: 'oldest',
      rejects,
    } as const
    await firstValueFrom(labels$(config))
    expect(rejects.all).toHaveLength(20_000)
    expect(new Set(rejects.all.map(({ error }) => error)).size).toBe(1)
    expect(new Set(rejects.all.map(({ frame: kept }) => kept)).size).toBe(1)
  })

  it('is an entry of a listing: a reject with its page, and its neighbours come', async () => {
    const [repo] = generateRepos({ count: 1 })
    const odd = ({ json }: HostileRecord): string =>
      JSON.stringify(repo).replace('{', `{"x":${json},`)
    const bad = [odd(deep(64)), odd(deep(100_000)), odd(emptyMaps(200_000))]
    const body =
      `{"repos":[${[odd(deep(63)), ...bad].join()},` +
      `${JSON.stringify({ ...(repo as object), did: 'did:plc:last' })}]}`
    await using server = await fakeRepos({ faults: [{ onRequest: 1, do: 'garbage', body }] })
    const rejects = new Rejects()
    const repos$ = listRepos$({
      host: server.url,
      rejects,
    })
    expect((await read(2, repos$)).map((one) => (one as { did: string }).did)).toEqual([
      (repo as { did: string }).did,
      'did:plc:last',
    ])
    expect(
      rejects.all.map(({ error, length }) => [error.message, error.place?.position, length]),
    ).toEqual([
      ['the repo is more than 64 levels deep', 1, bad[0]?.length],
      ['the repo is more than 64 levels deep', 1, bad[1]?.length],
      ['the repo is more than 131,072 members and items in all', 1, bad[2]?.length],
    ])
  })
})

/** Lists in lists: so many levels. */
const nested = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`)

describeRedis('in Redis', () => {
  let redis: RedisServer
  let opened: OpenClient
  beforeAll(async () => {
    const [[, connect] = []] = clients
    redis = await redisServer()
    opened = await (connect as (url: string) => Promise<OpenClient>)(redis.url)
  })
  afterAll(async () => {
    await opened[Symbol.asyncDispose]()
    await redis[Symbol.asyncDispose]()
  })
  beforeEach(() => redis.cli('FLUSHALL'))

  describe.each(WIRES)('an unreadable record of %s', (name, serve) => {
    it.each(['json', 'rsky'] as const)(
      'is left out of its entry (%s), and the others are written, also over a restart',
      async (format) => {
        if (name === 'tap' && format === 'rsky') return
        await using server = await serve(GOOD, deep(100_000), emptyMaps(200_000), GOOD)
        const checkpoint = memoryCursorStore()
        const sink = () =>
          toRedisStream<never>({
            client: opened.client,
            stream: 's',
            format,
            maxWaitMs: 5,
            ids: 'redis',
          })
        const written = await read(
          4,
          (server.events$({ checkpoint }) as Observable<never>).pipe(sink()),
        )
        expect(written.map(rkeyOf)).toEqual(['1', '2', '3', '4'])
        if (name !== 'tap')
          await read(1, (server.events$({ checkpoint }) as Observable<never>).pipe(sink()))
        expect(await redisCommands(opened.client).send(['XLEN', 's'])).toBe(4)
        const config = {
          client: opened.client,
          stream: 's',
          group: 'g',
          consumer: 'c',
          format,
        } as const
        const events = await read(4, redisStream$(config))
        const gone = format === 'rsky' ? undefined : 'record-unreadable'
        expect(events.map(recordOf)).toEqual([{ text: 'good' }, gone, gone, { text: 'good' }])
      },
    )
  })

  it.each([
    [
      'json',
      'event',
      (content: string) =>
        `{"did":"did:plc:a","time_us":1,"kind":"commit","commit":{"rkey":"1","record":${content}}}`,
    ],
    [
      'json',
      'event',
      (content: string) =>
        `{"did":"did:plc:a","time_us":1,"kind":"identity","identity":${content}}`,
    ],
    [
      'json',
      'event',
      (content: string) =>
        `{"seq":1,"src":"did:plc:a","uri":"did:plc:b","val":"x","cts":"x","x":${content}}`,
    ],
    [
      'rsky',
      'event',
      (content: string) =>
        '{"type":"create","did":"did:plc:a","rev":"1","collection":"a.b.c","rkey":"1",' +
        `"record":${content}}`,
    ],
    [
      'rsky',
      'labels',
      (content: string) =>
        '{"seq":1,"labels":[{"src":"did:plc:a","uri":"did:plc:b","val":"x","cts":"x",' +
        `"x":${content}}]}`,
    ],
    ['rsky', 'repo', (content: string) => `{"did":"did:plc:a","rev":"1","x":${content}}`],
  ] as const)(
    'an entry (%s, %s) beyond the bounds is a reject and a dead letter, and the others come',
    async (format, field, entryOf) => {
      const isWhole = /"seq"|"rev":"1","x"/.test(entryOf(''))
      const levels = isWhole ? 63 : 64
      for (const record of [
        deep(levels),
        deep(levels + 1),
        deep(100_000),
        emptyMaps(200_000),
        deep(levels),
      ]) {
        await redisCommands(opened.client).send(['XADD', 's', '*', field, entryOf(record.json)])
      }
      const rejects = new Rejects()
      const config = { client: opened.client, stream: 's', group: 'g', consumer: 'c', format }
      const events$ = redisStream$({
        ...config,
        rejects,
      })
      await read(2, events$)
      expect(rejects.messages).toEqual([
        expect.stringContaining('more than 64 levels deep'),
        expect.stringContaining('more than 64 levels deep'),
        expect.stringContaining('more than 131,072 members'),
      ])
      for (const { error } of rejects.all) expect(error.place?.position).toBeGreaterThan(0)
      // A letter is written a moment after its reject.
      const letters = () => redisCommands(opened.client).send(['XLEN', 's:dead'])
      let count = 0
      while (count < 3) count = (await letters()) as number
      expect(count).toBe(3)
    },
  )
})
