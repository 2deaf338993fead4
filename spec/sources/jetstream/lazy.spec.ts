import * as z from 'zod'
import {
  type CommitCreate,
  type CommitEvent,
  type JetstreamConfig,
  type JetstreamEvent,
  jetstream$,
  RecordError,
  rawText,
  streamMetrics,
} from '../../../src/index.js'
import { type FakeJetstreamOptions, fakeJetstream } from '../../../src/testing/index.js'
import { first, watched } from '../../traps/watched.js'
import { describePlainRecord } from '../describe-plain-record.js'

const RECORD = '{"$type":"app.bsky.feed.post","text":"so \\"long\\" } 🌊","langs":["en"]}'
const textWith = (record: string, time_us = 1_700_000_000_000_000) =>
  `{"did":"did:plc:z72i7hdynmk6r22z27h6tvur","time_us":${time_us},"kind":"commit",` +
  '"commit":{"rev":"3lbhtytnn2k2f","operation":"create",' +
  '"collection":"app.bsky.feed.post","rkey":"3lbhtyteurk2y",' +
  `"record":${record},"cid":"bafyreidblutgvj75o4q4akzyy"}}`
const TEXT = textWith(RECORD)
const DELETE =
  '{"did":"did:plc:a","time_us":1700000000000009,"kind":"commit",' +
  '"commit":{"rev":"3l","operation":"delete","collection":"a.b.c","rkey":"self"}}'
const IDENTITY =
  '{"did":"did:plc:a","time_us":1700000000000010,"kind":"identity",' +
  '"identity":{"did":"did:plc:a","seq":1,"time":"x"}}'

type Post = CommitEvent & { readonly commit: Commit }
type Commit = Omit<CommitCreate, 'record'> & { record: unknown }

async function read(
  events: readonly string[],
  config: JetstreamConfig = {},
  server: FakeJetstreamOptions = {},
) {
  await using fake = await fakeJetstream({ events, ...server })
  const host = server.server === 'v2' ? fake.host : fake.url
  return await first(
    events.length,
    jetstream$({ host, decode: 'lazy', cursor: 'oldest', ...config }),
  )
}

/** A lazy event that nobody has touched, and the same one parsed. */
async function both(): Promise<{ readonly lazy: Post; readonly parsed: Post }> {
  const [event] = await read([TEXT])
  return { lazy: event as Post, parsed: JSON.parse(TEXT) as Post }
}

/** Whether the record is still text: it is then read by an accessor that remembers nothing. */
const accessorOf = (commit: object) => Object.getOwnPropertyDescriptor(commit, 'record')?.get

describePlainRecord('a Jetstream', both)

describe('a lazy event', () => {
  it('has a record that is text until it is touched, and then always the same object', async () => {
    const parse = jest.spyOn(JSON, 'parse')
    const { lazy } = await both()
    const before = parse.mock.calls.filter(([text]) => text === RECORD).length
    expect(before).toBe(0)
    const record = lazy.commit.record
    expect(lazy.commit.record).toBe(record)
    expect(parse.mock.calls.filter(([text]) => text === RECORD)).toHaveLength(1)
    parse.mockRestore()
  })

  it('with a balanced record that is no JSON throws each time it is read, not before', async () => {
    const [broken, next] = await read([
      textWith('{"text":tru}'),
      textWith('{}', 1_700_000_000_000_001),
    ])
    const { commit } = broken as Post
    expect([commit.rkey, commit.cid]).toEqual(['3lbhtyteurk2y', 'bafyreidblutgvj75o4q4akzyy'])
    for (let time = 0; time < 2; time++) expect(() => commit.record).toThrow(RecordError)
    expect(() => JSON.stringify(broken)).toThrow(
      expect.objectContaining({ code: 'RECORD', retryable: false, cause: expect.any(SyntaxError) }),
    )
    expect((next as Post).commit.record).toEqual({})
  })
})

function assign(commit: { record: unknown }, value: unknown): unknown {
  commit.record = value
  return value
}

describe('rawText', () => {
  it('is what was received, of every kind of event, to the letter', async () => {
    // Not as a server writes it: parsed whole, and its text is kept all the same.
    const spaced = TEXT.replace('{', '{ ')
    const events = await read([TEXT, spaced, DELETE, IDENTITY])
    expect(events.map(rawText)).toEqual([TEXT, spaced, DELETE, IDENTITY])
  })

  it('is the whole message of wire v2', async () => {
    const frame =
      '{"$type":"message","payload":{' +
      '"$type":"network.bsky.jetstream.subscribeEvents#commit",' +
      '"cid":"bafy","collection":"a.b.c","did":"did:plc:a","operation":"create",' +
      '"record":{"n":1},"rev":"3l","rkey":"self",' +
      '"seq":24000000000,"time":"2026-08-11T12:49:00.398794Z"}}'
    const [event] = await read([frame], {}, { server: 'v2', stored: 'all' })
    expect(rawText(event as JetstreamEvent)).toBe(frame)
    expect(event).toStrictEqual({
      did: 'did:plc:a',
      time_us: 1786452540398794,
      cursor: 24000000000,
      kind: 'commit',
      commit: {
        rev: '3l',
        operation: 'create',
        collection: 'a.b.c',
        rkey: 'self',
        record: { n: 1 },
        cid: 'bafy',
      },
    })
  })

  it('is undefined for a copy, for an event of one’s own, and without `decode`', async () => {
    const [event] = await read([TEXT])
    expect(rawText({ ...(event as JetstreamEvent) })).toBeUndefined()
    expect(rawText(JSON.parse(TEXT))).toBeUndefined()
    const [eager] = await read([TEXT], { decode: 'eager' })
    expect(rawText(eager as JetstreamEvent)).toBeUndefined()
  })

  it('is what was received, whatever a program has made of the event', async () => {
    const { lazy } = await both()
    assign(lazy.commit, {})
    expect(rawText(lazy)).toBe(TEXT)
  })
})

describe('decode: lazy', () => {
  it('checks collections that have a schema, and keeps no text of their events', async () => {
    const other = TEXT.replace('app.bsky.feed.post","rkey', 'app.bsky.feed.like","rkey').replace(
      '000000,"kind',
      '000001,"kind',
    )
    const records = {
      'app.bsky.feed.post': z.object({ text: z.string().transform((text) => text.length) }),
    }
    const [post, like] = (await read([TEXT, other], { records })) as readonly Post[]
    expect(post?.commit.record).toEqual({ text: 14 })
    expect([post, like].map((event) => rawText(event as JetstreamEvent))).toEqual([
      undefined,
      other,
    ])
    expect(accessorOf(post?.commit as object)).toBeUndefined()
  })

  it('rejects a record that fails its schema, or is no JSON for it, and goes on', async () => {
    await using server = await fakeJetstream({
      events: [textWith('{"text":1}'), textWith('{"text":tru}'), textWith(RECORD)],
    })
    const records = { 'app.bsky.feed.post': z.object({ text: z.string() }) }
    const source = watched(server, { decode: 'lazy', records })
    expect(await first(1, source.events$)).toHaveLength(1)
    expect(source.rejects.map(({ error, frame }) => [error.code, frame])).toEqual([
      ['FRAME', textWith('{"text":1}')],
      ['FRAME', textWith('{"text":tru}')],
    ])
  })

  it('rejects what eager rejects, with the text of the frame', async () => {
    await using server = await fakeJetstream({
      events: ['{"did":', TEXT.replace('"kind":"commit"', '"kind":7'), TEXT],
    })
    const source = watched(server, { decode: 'lazy' })
    await first(1, source.events$)
    expect(source.rejects.map(({ frame }) => frame)).toEqual([
      '{"did":',
      TEXT.replace('"kind":"commit"', '"kind":7'),
    ])
  })

  it('counts, filters and resumes as eager does', async () => {
    const count = 300
    const runs = ['lazy', 'eager'].map(async (decode) => {
      await using server = await fakeJetstream({
        events: count,
        stored: 'all',
        faults: [{ after: 100, do: 'reset' }],
      })
      const metrics$ = streamMetrics()
      const config = {
        decode,
        metrics$,
        cursor: 'oldest',
        reconnect: { initialDelayMs: 1 },
      } as JetstreamConfig
      const events = await first(count, jetstream$({ host: server.url, ...config }))
      const { frames, duplicates, rejected, bytes } = metrics$.value
      return { events, frames, duplicates, rejected, bytes }
    })
    const [lazy, eager] = await Promise.all(runs)
    expect(lazy?.duplicates).toBe(1)
    expect(lazy).toEqual(eager)
  })
})

it.each([
  [false, 'left as text'],
  [true, 'parsed'],
])(
  'where WebAssembly is forbidden (%s), as a content security policy does it, a record is %s',
  async (isForbidden, _) => {
    const { Module } = WebAssembly
    jest.resetModules()
    if (isForbidden) {
      WebAssembly.Module = class {
        constructor() {
          throw new WebAssembly.CompileError('Wasm code generation disallowed by embedder')
        }
      } as unknown as typeof Module
    }
    try {
      // A scanner is made once a process, or once for each time that the module is loaded.
      const { jetstream$ } = await import('../../../src/sources/jetstream/jetstream.js')
      await using fake = await fakeJetstream({ events: [TEXT] })
      const [event] = await first(
        1,
        jetstream$({ host: fake.url, decode: 'lazy', cursor: 'oldest' }),
      )
      const { commit } = event as Post
      expect(Object.getOwnPropertyDescriptor(commit, 'record')?.get === undefined).toBe(isForbidden)
      expect(commit.record).toEqual(JSON.parse(RECORD))
    } finally {
      WebAssembly.Module = Module
      jest.resetModules()
    }
  },
)
