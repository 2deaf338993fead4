import { lastValueFrom, type Observable, takeWhile, tap, toArray } from 'rxjs'
import {
  boundedMergeMap,
  type Gap,
  hold,
  type JetstreamChunk,
  type JetstreamChunksConfig,
  jetstream$,
  jetstreamChunks$,
  memoryCursorStore,
  type RejectedFrame,
  rawText,
  streamMetrics,
} from '../../../src/index.js'
import { formatOf } from '../../../src/redis-entries/format.js'
import {
  type FakeJetstreamOptions,
  fakeJetstream,
  generateEvents,
} from '../../../src/testing/index.js'
import { expectBalanced, first } from '../../helpers/streams.js'

const COUNT = 3000
const EVENTS = [...generateEvents({ count: COUNT, seed: 17 })].map((event) => JSON.stringify(event))

/** All chunks, up to so many events. */
async function read(
  config: JetstreamChunksConfig,
  count = COUNT,
): Promise<{ readonly chunks: readonly JetstreamChunk[]; readonly texts: readonly string[] }> {
  let seen = 0
  const metrics$ = streamMetrics()
  const chunks = await lastValueFrom(
    jetstreamChunks$({
      wire: 'v1',
      cursor: 'oldest',
      reconnect: { initialDelayMs: 10, jitter: 'none' },
      metrics$,
      ...config,
    }).pipe(
      tap(({ length }) => {
        seen += length
      }),
      takeWhile(() => seen < count, true),
      toArray(),
    ),
  )
  expectBalanced(metrics$.value)
  return { chunks, texts: chunks.flatMap(textsOf) }
}

const textsOf = (chunk: JetstreamChunk): readonly string[] =>
  Array.from({ length: chunk.length }, (_, index) => chunk.text(index))

const server = (options: FakeJetstreamOptions = {}) =>
  fakeJetstream({ events: EVENTS, stored: 'all', ...options })

/** The same, where there is no scanner: each event is parsed, and a chunk of its own. */
async function withoutScanner<T>(run: () => Promise<T>): Promise<T> {
  const { Module } = WebAssembly
  jest.resetModules()
  WebAssembly.Module = class {
    constructor() {
      throw new WebAssembly.CompileError('Wasm code generation disallowed by embedder')
    }
  } as unknown as typeof Module
  try {
    return await run()
  } finally {
    WebAssembly.Module = Module
    jest.resetModules()
  }
}

describe('the chunks of a Jetstream', () => {
  it('have every event once, in order, to the letter, and few chunks have them all', async () => {
    await using fake = await server()
    const { chunks, texts } = await read({ host: fake.url })
    expect(texts).toEqual(EVENTS)
    expect(chunks.length).toBeLessThan(COUNT / 2)
  })

  it('have what each event has, without making one', async () => {
    await using fake = await server()
    const { chunks } = await read({ host: fake.url })
    const rows = chunks.flatMap((chunk) =>
      Array.from({ length: chunk.length }, (_, index) => ({
        kind: chunk.kind(index),
        did: chunk.did(index),
        collection: chunk.collection(index),
      })),
    )
    const parsed = EVENTS.map((text) => JSON.parse(text))
    expect(rows).toEqual(
      parsed.map(({ kind, did, commit }) => ({ kind, did, collection: commit?.collection })),
    )
  })

  it('give events whose members and JSON are those of the parsed ones', async () => {
    await using fake = await server()
    const { chunks } = await read({ host: fake.url })
    const events = chunks.flatMap((chunk) => [...chunk])
    expect(events.map((event) => JSON.stringify(event))).toEqual(EVENTS)
    expect(events.map(rawText)).toEqual(EVENTS)
    expect(() => chunks[0]?.text(chunks[0].length)).toThrow(RangeError)
    expect(() => chunks[0]?.kind(-1)).toThrow(RangeError)
  })

  it('are lines of JSON as bytes, which stay as they are', async () => {
    await using fake = await server()
    const { chunks } = await read({ host: fake.url })
    const lines = Buffer.concat(chunks.map(({ lines }) => lines)).toString()
    expect(lines).toBe(EVENTS.map((text) => `${text}\n`).join(''))
  })

  it('are whole messages on wire v2', async () => {
    await using fake = await server({ server: 'v2' })
    const { chunks, texts } = await read({ host: fake.host, wire: 'v2' })
    expect(texts.map((text) => JSON.parse(text).$type)).toEqual(texts.map(() => 'message'))
    const written = chunks.flatMap((chunk) => [...chunk]).map(({ did, kind }) => [did, kind])
    expect(written).toEqual(
      EVENTS.map((text) => JSON.parse(text)).map(({ did, kind }) => [did, kind]),
    )
  })

  it('where nothing can be scanned are the same, with one event each', async () => {
    await withoutScanner(async () => {
      const { jetstreamChunks$ } = await import(
        '../../../src/sources/jetstream/raw/jetstream-chunks.js'
      )
      await using fake = await server()
      const chunks: JetstreamChunk[] = []
      await lastValueFrom(
        (jetstreamChunks$({ host: fake.url, cursor: 'oldest' }) as Observable<JetstreamChunk>).pipe(
          tap((chunk) => chunks.push(chunk)),
          takeWhile(() => chunks.length < 100),
        ),
        { defaultValue: undefined },
      )
      const expected = EVENTS.slice(0, 100)
      expect(chunks.flatMap(textsOf)).toEqual(expected)
      expect(chunks.map(({ length }) => length)).toEqual(expected.map(() => 1))
      const lines = Buffer.concat(chunks.map(({ lines }) => lines)).toString()
      expect(lines).toBe(expected.map((text) => `${text}\n`).join(''))
      expect(chunks.map((chunk) => chunk.did(0))).toEqual(
        expected.map((text) => JSON.parse(text).did),
      )
    })
  })
})

describe('an entry of Redis', () => {
  it('has the text of a raw event, as it was received', async () => {
    const text = (EVENTS.find((one) => one.includes('"record":{')) ?? '').replace(
      '"record":{',
      '"record":{ "id": 12345678901234567890,',
    )
    await using fake = await fakeJetstream({ events: [text] })
    const [event] = await first(
      1,
      jetstream$({ host: fake.url, wire: 'v1', cursor: 'oldest', decode: 'raw' }),
    )
    expect(formatOf('json').encode(event)).toEqual(['event', text])
  })
})

describe('the filters of chunks', () => {
  it('take as many DIDs as one connection does, and refuse more at the call', () => {
    const dids = Array.from({ length: 10_001 }, (_, index) => `did:plc:${index}`)
    const config = { host: 'jetstream.example' } as const
    expect(() => jetstreamChunks$({ ...config, wire: 'v1', dids })).toThrow(
      /`dids` has more than one connection takes, 10000/,
    )
    expect(() => jetstreamChunks$({ ...config, dids: dids.slice(0, 9_894) })).toThrow(/, 9893: /)
    expect(() => jetstreamChunks$({ ...config, dids: dids.slice(0, 9_893) })).not.toThrow()
    expect(() =>
      jetstreamChunks$({ ...config, wire: 'v1', dids: dids.slice(0, 10_000) }),
    ).not.toThrow()
  })

  it('look at the kind, and count what they leave out', async () => {
    await using fake = await server()
    const metrics$ = streamMetrics()
    const wanted = EVENTS.filter((text) => !text.includes('"kind":"commit"'))
    const { texts } = await read(
      { host: fake.url, kinds: ['identity', 'account'], metrics$ },
      wanted.length,
    )
    expect(texts).toEqual(wanted)
    expect(metrics$.value.filtered).toBeGreaterThan(COUNT * 0.9)
    expectBalanced(metrics$.value)
  })
})

describe('a chunk as a delivery', () => {
  it('is one: while it is held, a restart begins with its first event', async () => {
    await using fake = await server()
    const store = memoryCursorStore()
    let held: JetstreamChunk | undefined
    let seen = 0
    await lastValueFrom(
      jetstreamChunks$({ host: fake.url, wire: 'v1', cursor: 'oldest', checkpoint: store }).pipe(
        tap((chunk) => {
          if (chunk.length > 1 && held === undefined) {
            hold()
            held = chunk
          }
          seen += chunk.length
        }),
        takeWhile(() => seen < COUNT),
      ),
      { defaultValue: undefined },
    )
    const { texts } = await read({ host: fake.url, checkpoint: store }, 1)
    expect(texts[0]).toBe(held?.text(0))
  })

  it('that is dropped is a gap from its first event to its last', async () => {
    await using fake = await server()
    const gaps: Gap[] = []
    const metrics$ = streamMetrics()
    let dropped = 0
    let seen = 0
    await lastValueFrom(
      jetstreamChunks$({
        host: fake.url,
        cursor: 'oldest',
        gaps: { next: (gap) => gaps.push(gap) },
        metrics$,
      }).pipe(
        tap(({ length }) => {
          seen += length
        }),
        takeWhile(() => seen < COUNT, true),
        boundedMergeMap(() => Promise.resolve(), {
          capacity: 1,
          overflow: 'drop-newest',
          onDrop: (chunk) => {
            dropped += chunk.length
          },
        }),
      ),
      { defaultValue: undefined },
    )
    expectBalanced(metrics$.value)
    expect(metrics$.value.dropped).toBe(dropped)
    expect(gaps.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(dropped)
  })
})

describe('over a lost connection chunks', () => {
  it('go on behind the last event, each once', async () => {
    await using fake = await server({
      faults: [
        { after: 700, do: 'drop' },
        { after: 1200, do: 'close', code: 1001, reason: '' },
      ],
    })
    const metrics$ = streamMetrics()
    const { texts } = await read({ host: fake.url, metrics$ })
    expect(texts).toEqual(EVENTS)
    expect(metrics$.value.reconnects).toBe(2)
    expect(metrics$.value.duplicates).toBe(2)
  })

  it('keep their place among rejects and notices', async () => {
    await using fake = await server({
      faults: [{ after: 900, do: 'garbage', frame: 'not json' }],
    })
    const rejects: RejectedFrame[] = []
    const { texts } = await read({
      host: fake.url,
      rejects: { next: (rejected) => rejects.push(rejected) },
    })
    expect(texts).toEqual(EVENTS)
    expect(rejects.map(({ frame }) => frame)).toEqual(['not json'])
  })
})

it.each([
  ['decode', 'lazy'],
  ['archive', true],
  ['records', {}],
  ['filters$', undefined],
  ['blindTimeoutMs', 60_000],
])('the option %s of single events is refused', (name, value) => {
  expect(() => jetstreamChunks$({ [name]: value })).toThrow(
    expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining(name) }),
  )
})
