import { deepStrictEqual } from 'node:assert'
import { CidLinkWrapper, encode, toBytes } from '@atcute/cbor'
import { type FirehoseEvent, RecordError, rawFrame } from '../../../src/index.js'
import { describePlainRecord } from '../describe-plain-record.js'
import { carOf, commitFrame, commitsIn, DID, eventsIn, linkTo, T0, timeOf } from './frames.js'

const RECORD = { text: 'hello', langs: ['en'], nested: { at: [1, { deep: true }] } }
const frame = commitFrame(7, [{ action: 'create', path: 'app.bsky.feed.post/a', record: RECORD }])
const plain = {
  did: DID,
  time_us: T0 + 7_000_000,
  cursor: 7,
  time: timeOf(7),
  kind: 'commit',
  commit: {
    rev: 'rev7',
    operation: 'create',
    collection: 'app.bsky.feed.post',
    rkey: 'a',
    record: RECORD,
    cid: linkTo(encode(RECORD)).$link,
    commit: expect.stringMatching(/^bafyrei/) as unknown as string,
    problem: undefined,
  },
}

const eventOf = (
  bytes = frame,
): FirehoseEvent & { readonly commit: { record: unknown; cid: string; operation: string } } =>
  eventsIn(bytes)[0] as never

/** A commit of one create whose block is these bytes, under their own CID, or others in place. */
const withBlock = (block: Uint8Array, sent = block): Uint8Array => {
  const root = encode({})
  return commitFrame(7, [], {
    commit: linkTo(root),
    ops: [{ action: 'create', path: 'com.example/a', cid: linkTo(block) }],
    blocks: toBytes(
      carOf(linkTo(root), [
        [linkTo(root), root],
        [linkTo(block), sent],
      ]),
    ),
  })
}

describePlainRecord('a firehose', async () => ({ lazy: eventOf(), parsed: parsedOf(frame) }))

describePlainRecord(
  'a firehose',
  async () => ({
    lazy: eventOf(withBlock(encode(RECORD), encode({ text: 'forged' }))),
    parsed: parsedOf(withBlock(encode(RECORD), encode({ text: 'forged' })), {
      record: undefined,
      problem: 'record-mismatch',
    }),
  }),
  'problem',
)

/** The event as `JSON.parse` makes it, with the members that may be `undefined` in their places. */
function parsedOf(bytes: Uint8Array, found: object = {}) {
  const event = JSON.parse(JSON.stringify(eventOf(bytes)))
  const { rev, operation, collection, rkey, ...rest } = event.commit
  const base = { rev, operation, collection, rkey, record: undefined }
  return { ...event, commit: { ...base, ...rest, problem: undefined, ...found } }
}

describe('a record', () => {
  it('is a member like any other to whoever looks at the event, read before or not', () => {
    const { commit, ...rest } = plain
    const cid = eventOf().commit.cid
    const expected = {
      ...rest,
      commit: { ...commit, commit: (eventOf() as { commit: { commit: string } }).commit.commit },
    }
    expect(cid).toBe(commit.cid)
    for (const read of [false, true]) {
      const fresh = () => {
        const event = eventOf()
        if (read) expect(event.commit.record).toEqual(RECORD)
        return event
      }
      expect(fresh()).toStrictEqual(expected)
      deepStrictEqual(fresh(), expected)
      // Jest's clone comes from another realm, with other prototypes.
      expect(structuredClone(fresh())).toEqual(expected)
      deepStrictEqual({ ...fresh(), commit: { ...fresh().commit } }, expected)
      expect(JSON.stringify(fresh())).toBe(JSON.stringify(expected))
      expect(Object.keys(fresh().commit)).toEqual(Object.keys(commit))
      expect(Object.getOwnPropertySymbols(fresh().commit)).toEqual([])
      expect('record' in fresh().commit).toBe(true)
      deepStrictEqual(Object.assign({}, fresh().commit), expected.commit)
    }
  })

  it('is decoded once: what a reader changes in it stays', () => {
    const { commit } = eventOf()
    expect(commit.record).toBe(commit.record)
    const record = commit.record as { text: string }
    record.text = 'changed'
    expect((commit.record as { text: string }).text).toBe('changed')
  })

  it('has links and bytes as plain JSON', () => {
    const link = linkTo(encode({}))
    const bytes = commitFrame(7, [
      {
        action: 'create',
        path: 'a.b.c/d',
        record: { link, list: [toBytes(Uint8Array.of(1, 2, 3, 4))] },
      },
    ])
    const [commit] = commitsIn(bytes)
    expect(commit?.record).toStrictEqual({
      link: { $link: link.$link },
      list: [{ $bytes: 'AQIDBA' }],
    })
    expect(structuredClone(commit)?.record).toStrictEqual(commit?.record)
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['is no DAG-CBOR', Uint8Array.of(0xff), /no DAG-CBOR/],
    ['is followed by more', Uint8Array.of(...encode({}), 0), /follow/],
    ['is no object', encode([1]), /no object/],
    ['is too deep', new Uint8Array(1000).fill(0x81, 0, 999), /64 levels deep/],
    [
      'holds a number beyond 2^53',
      Uint8Array.from(Buffer.from('a161611b0020000000000001', 'hex')),
      /safe integer/,
    ],
  ])(
    'that %s throws when it is read, each time, and the event is good but for it',
    (_, block, message) => {
      const event = eventOf(withBlock(block))
      expect(event).toMatchObject({ did: DID, cursor: 7 })
      expect(event.commit).toMatchObject({ operation: 'create', cid: linkTo(block).$link })
      expect(event.commit).toHaveProperty('problem', undefined)
      for (const _again of [1, 2]) expect(() => event.commit.record).toThrow(message)
      expect(() => JSON.stringify(event)).toThrow(RecordError)
      expect(() => event.commit.record).toThrow(
        expect.objectContaining({ code: 'RECORD', retryable: false }),
      )
    },
  )
})

describe('rawFrame', () => {
  it('answers the bytes of the frame, the same for all its events', () => {
    const two = commitFrame(7, [
      { action: 'create', path: 'a.b.c/1', record: {} },
      { action: 'delete', path: 'a.b.c/2' },
    ])
    const events = eventsIn(two)
    expect(events).toHaveLength(2)
    for (const event of events) expect(rawFrame(event)).toBe(two)
  })

  it('knows no copy, and nothing else', () => {
    expect(rawFrame({ ...eventOf() })).toBeUndefined()
    expect(rawFrame(structuredClone(eventOf()))).toBeUndefined()
    expect(rawFrame({})).toBeUndefined()
  })
})

// A link is a class of the decoder's: nothing of it may be left in what we emit.
it('an event holds plain objects alone', () => {
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    expect(value).not.toBeInstanceOf(CidLinkWrapper)
    expect([Object.prototype, Array.prototype]).toContain(Object.getPrototypeOf(value))
    Object.values(value).forEach(visit)
  }
  visit(eventOf())
})
