import { recordChecker } from '../../../src/atproto/records.js'
import { FrameError } from '../../../src/errors.js'
import type { JetstreamEvent } from '../../../src/events.js'
import { eager } from '../../../src/sources/jetstream/decoding.js'
import type { JetstreamFilters } from '../../../src/sources/jetstream/filters.js'
import { identityOf } from '../../../src/sources/jetstream/identity.js'
import { v1 } from '../../../src/sources/jetstream/v1.js'
import { generateEvents } from '../../../src/testing/index.js'
import { linesOf, present } from '../../helpers/recordings.js'

const decoding = eager(recordChecker())

const wire = (filters: JetstreamFilters = {}) =>
  v1('ws://h/subscribe', filters, {
    maxFrameBytes: 1000,
    decoding,
    compression: { status: { name: 'none' } },
  })
const protocol = wire()
const post = (over: object = {}) => ({
  did: 'did:plc:a',
  time_us: 1_725_911_162_329_308,
  kind: 'commit',
  commit: {
    rev: '3l',
    operation: 'create',
    collection: 'app.bsky.feed.post',
    rkey: 'k',
    record: { text: 'x' },
    cid: 'bafy',
  },
  ...over,
})
const decode = (value: unknown) => protocol.decode(JSON.stringify(value)) as JetstreamEvent

/** What decoding meets. */
function metBy(frame: string | Uint8Array): FrameError {
  try {
    protocol.decode(frame)
  } catch (error) {
    if (error instanceof FrameError) return error
    throw error
  }
  throw new Error('it was read')
}

describe('wire v1', () => {
  it('reads every generated event as JSON does', () => {
    for (const event of generateEvents({ count: 2000 })) expect(decode(event)).toEqual(event)
  })

  it.each([
    [
      'an unknown kind',
      { did: 'did:plc:a', time_us: 1_725_911_162_329_308, kind: 'novelty', novelty: { a: 1 } },
    ],
    [
      'an unknown operation',
      post({ commit: { rev: '3l', operation: 'move', collection: 'a.b.c', rkey: 'k' } }),
    ],
    [
      'an unknown status',
      {
        did: 'did:plc:a',
        time_us: 1_725_911_162_329_308,
        kind: 'account',
        account: { active: true, did: 'x', seq: 1, status: 'new', time: '' },
      },
    ],
    ['members that are not known', post({ extra: [1], commit: { ...post().commit, more: true } })],
    [
      'a delete without record and cid',
      post({ commit: { rev: '3l', operation: 'delete', collection: 'a.b.c', rkey: 'k' } }),
    ],
    [
      'an identity without handle',
      {
        did: 'did:plc:a',
        time_us: 1_725_911_162_329_308,
        kind: 'identity',
        identity: { did: 'x', seq: 1, time: '' },
      },
    ],
  ])('passes %s as it is', (_, value) => {
    expect(decode(value)).toEqual(value)
  })

  it('leaves `__proto__` a member like any other', () => {
    const event = protocol.decode(
      JSON.stringify(post()).replace('"text":"x"', '"__proto__":{"polluted":true}'),
    ) as JetstreamEvent
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    expect(Object.keys((event as { commit: { record: object } }).commit.record)).toEqual([
      '__proto__',
    ])
  })

  it.each([
    ['nothing', ''],
    ['broken JSON', '{'],
    ['null', 'null'],
    ['a number', '17'],
    ['an array', '[]'],
    ['a string', '"x"'],
    ['bytes', Uint8Array.of(0xff, 0xfe)],
    ['no time', JSON.stringify(post({ time_us: undefined }))],
    ['a time that is no integer', JSON.stringify(post({ time_us: 1.5 }))],
    ['a time above 2^53', '{"did":"did:plc:a","time_us":9007199254740993,"kind":"commit"}'],
    [
      'a cursor above 2^53',
      '{"did":"did:plc:a","time_us":1725911162329308,"cursor":9007199254740993,"kind":"commit"}',
    ],
    ['a time as text', JSON.stringify(post({ time_us: '1725911162329308' }))],
  ])('rejects %s, and does not know its place', (_, frame) => {
    expect(metBy(frame).place).toBeUndefined()
  })

  it.each([
    ['no DID', post({ did: undefined })],
    ['no kind', post({ kind: undefined })],
    ['no commit', post({ commit: undefined })],
    ['a commit that is a list', post({ commit: [] })],
    ['a create without a record', post({ commit: { ...post().commit, record: undefined } })],
    ['no identity', post({ kind: 'identity' })],
    ['no account', post({ kind: 'account' })],
    ['an account without `active`', post({ kind: 'account', account: {} })],
  ])('rejects %s, and knows its place', (_, value) => {
    expect(metBy(JSON.stringify(value)).place).toEqual({
      position: 1_725_911_162_329_308,
      time_us: 1_725_911_162_329_308,
    })
  })

  it('finds the place of a frame that is torn, by time and by number', () => {
    const text = JSON.stringify(post())
    expect(metBy(text.slice(0, -20)).place).toEqual({
      position: 1_725_911_162_329_308,
      time_us: 1_725_911_162_329_308,
    })
    const numbered = text.replace('"kind"', '"cursor":24000000007,"kind"')
    expect(metBy(numbered.slice(0, -20)).place).toEqual({
      position: 24_000_000_007,
      time_us: 1_725_911_162_329_308,
    })
  })

  it.each(present('simulator/v1.ndjson', 'jetstream/real_v1.ndjson'))(
    'gives every event of %s a different identity',
    (file) => {
      const lines = linesOf(file)
      expect(lines.length).toBeGreaterThan(100)
      expect(new Set(lines.map((line) => identityOf(JSON.parse(line)))).size).toBe(lines.length)
    },
  )
})

describe('the request of wire v1', () => {
  const request = { cursor: undefined, leaveOutLargeFrames: false }
  const urlOf = (filters: JetstreamFilters, cursor?: number, leaveOutLargeFrames = false) =>
    new URL(wire(filters).url({ cursor, leaveOutLargeFrames }))

  it('is bare without options', () => {
    expect(urlOf({}).href).toBe('ws://h/subscribe')
    expect(wire().hello?.(request)).toBeUndefined()
  })

  it('names collections, DIDs, cursor and size as the server does', () => {
    const url = urlOf(
      { collections: ['a.b.c', 'app.bsky.*'], dids: ['did:web:x%3A1'], maxMessageSizeBytes: 900 },
      7,
    )
    expect([...url.searchParams]).toEqual([
      ['wantedCollections', 'a.b.c'],
      ['wantedCollections', 'app.bsky.*'],
      ['wantedDids', 'did:web:x%3A1'],
      ['cursor', '7'],
      ['maxMessageSizeBytes', '900'],
    ])
  })

  it('has the server leave out what is larger than a frame may be, once one came', () => {
    expect(urlOf({}, 7, true).searchParams.get('maxMessageSizeBytes')).toBe('1000')
    expect(
      urlOf({ maxMessageSizeBytes: 900 }, 7, true).searchParams.get('maxMessageSizeBytes'),
    ).toBe('900')
    expect(
      urlOf({ maxMessageSizeBytes: 2000 }, 7, true).searchParams.get('maxMessageSizeBytes'),
    ).toBe('1000')
  })

  it('sends a filter that is too long for a URL in a message, whole', () => {
    const dids = Array.from(
      { length: 200 },
      (_, index) => `did:plc:${String(index).padStart(24, 'a')}`,
    )
    const config = { dids, collections: ['a.b.c'], maxMessageSizeBytes: 900 }
    expect([...urlOf(config, 7).searchParams]).toEqual([
      ['requireHello', 'true'],
      ['cursor', '7'],
      ['maxMessageSizeBytes', '900'],
    ])
    expect(JSON.parse(wire(config).hello?.(request) ?? '')).toEqual({
      type: 'options_update',
      payload: { wantedCollections: ['a.b.c'], wantedDids: dids, maxMessageSizeBytes: 900 },
    })
  })

  it('wants of what comes before such a message only what the filter takes', () => {
    const dids = Array.from(
      { length: 200 },
      (_, index) => `did:plc:${String(index).padStart(24, 'a')}`,
    )
    const { wants } = wire({
      dids,
      collections: ['app.bsky.feed.post', 'com.example.*'],
      kinds: ['commit', 'identity'],
    })
    const [did = ''] = dids
    const of = (collection: string, from = did) =>
      decode(post({ did: from, commit: { rev: '3l', operation: 'delete', collection, rkey: 'k' } }))
    expect(wants(of('app.bsky.feed.post'))).toBe(true)
    expect(wants(of('com.example.thing'))).toBe(true)
    expect(wants(of('com.examples.thing'))).toBe(false)
    expect(wants(of('app.bsky.feed.like'))).toBe(false)
    expect(wants(of('app.bsky.feed.post', 'did:plc:other'))).toBe(false)
    const identity = {
      did,
      time_us: 1_725_911_162_329_308,
      kind: 'identity',
      identity: { did, seq: 1, time: '' },
    }
    expect(wants(decode(identity))).toBe(true)
    expect(wants(decode({ ...identity, kind: 'account', account: { active: true } }))).toBe(false)
  })
})
