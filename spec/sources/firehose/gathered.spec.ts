import { type EventFilters, wantedBy } from '../../../src/atproto/filters.js'
import type { Gathered } from '../../../src/live/protocol.js'
import { wantsAny } from '../../../src/sources/firehose/events.js'
import { type Message, readMessage } from '../../../src/sources/firehose/message.js'
import { NarrowReader } from '../../../src/sources/firehose/narrow-reader.js'
import { firehoseProtocol } from '../../../src/sources/firehose/protocol.js'
import { marbles } from '../../../src/testing/index.js'
import { runFor } from '../../live/sessions.js'
import { commitFrame, DID, identityFrame, join, posts } from './frames.js'
import { GENERATED, NARROW } from './narrow.js'
import { cursorsOf, firehoseOver, HOST, nameOf } from './streams.js'

const POSTS: EventFilters = { collections: ['app.bsky.feed.post'] }

const readerOf = (filters: EventFilters) =>
  new NarrowReader(wantedBy(filters), filters.dids !== undefined)
const { identityOf } = firehoseProtocol(HOST, POSTS)
const like = (seq: number, changes: object = {}) =>
  commitFrame(seq, [{ action: 'create', path: 'app.bsky.feed.like/a', record: {} }], changes)

/** A frame in memory that is written over, as that of a socket is. */
function inPlace(read: (frame: Uint8Array) => void, frames: readonly Uint8Array[]): void {
  const memory = Buffer.alloc(100_000)
  for (const frame of frames) {
    memory.set(frame)
    read(memory.subarray(0, frame.length))
    memory.fill(0xff, 0, frame.length)
  }
}

/** What stands for the messages that were gathered. */
const lastOf = ({ end, last, filtered }: Gathered<Message>) => ({
  identity: identityOf(end),
  seq: end.seq,
  time_us: end.time_us,
  last,
  filtered,
})

describe('of messages of which nothing is wanted', () => {
  it.each(NARROW)('the last one stands for all, and no other is made: %j', (filters) => {
    const reader = readerOf(filters)
    const wanted = wantedBy(filters)
    const ends: unknown[] = []
    const expected: unknown[] = []
    let last: Message | undefined
    let filtered = 0
    const end = () => {
      const gathered = reader.take()
      if (gathered !== undefined) ends.push(lastOf(gathered))
      if (last !== undefined) {
        const { seq, time_us } = last
        const place = { position: seq, time_us }
        expected.push({ identity: identityOf(last), seq, time_us, last: place, filtered })
      }
      last = undefined
      filtered = 0
    }
    for (const frame of GENERATED) {
      const whole = readMessage(frame) as Message
      const isTooBig = whole.kind === 'commit' && whole.body.tooBig === true
      const isGathered = reader.add(frame)
      expect(isGathered).toBe(!wantsAny(whole, wanted) && !isTooBig)
      if (isGathered) {
        last = whole
        filtered += 1
        continue
      }
      end()
      const alone = reader.decode(frame) as Message
      expect(wantsAny(alone, wanted)).toBe(wantsAny(whole, wanted))
      expect([identityOf(alone), alone.seq]).toEqual([identityOf(whole), whole.seq])
    }
    end()
    expect(ends).toEqual(expected)
    expect(ends.length).toBeGreaterThan(0)
  })

  it('none is gathered whose position is not after the one before', () => {
    for (const seq of [4, 5]) {
      const reader = readerOf(POSTS)
      expect(reader.add(like(5))).toBe(true)
      expect(reader.add(like(seq))).toBe(false)
      expect(reader.take()).toMatchObject({ filtered: 1, last: { position: 5 } })
      // The one after is compared with nothing.
      expect(reader.add(like(seq))).toBe(true)
    }
  })

  it('one of another kind is gathered with the others, and can be the last', () => {
    const reader = readerOf({ kinds: ['sync'] })
    const added = [like(5), identityFrame(6)].map((frame) => reader.add(frame))
    expect([added, reader.take()]).toMatchObject([[true, true], { end: { kind: 'identity' } }])
    expect([identityFrame(7), like(8)].map((frame) => reader.add(frame))).toEqual([true, true])
    expect(reader.take()).toMatchObject({ filtered: 2, end: { kind: 'commit', seq: 8 } })
    expect(reader.take()).toBeUndefined()
  })

  it('none is gathered that cannot be read, or is text', () => {
    const reader = readerOf(POSTS)
    const bad = [like(5).slice(0, -1), join(like(5), Uint8Array.of(0)), 'text', new Uint8Array()]
    expect(bad.map((frame) => reader.add(frame))).toEqual(bad.map(() => false))
    expect(reader.take()).toBeUndefined()
  })
})

it('a message that is wanted is a copy: the memory of its frame is written over', () => {
  const reader = readerOf(POSTS)
  const messages: Message[] = []
  const frames = [like(4), posts(5), like(6), posts(7)]
  inPlace((frame) => {
    if (!reader.add(frame)) messages.push(reader.decode(frame) as Message)
    reader.take()
  }, frames)
  expect(messages.map(({ frame }) => Buffer.from(frame))).toEqual(
    [posts(5), posts(7)].map((frame) => Buffer.from(frame)),
  )
  expect(messages.map(({ seq, did }) => [seq, did])).toEqual([
    [5, DID],
    [7, DID],
  ])
})

it(
  'what is gathered moves the position, is counted, and proves the log after a reconnect',
  marbles((helpers) => {
    const { events$, sessions, metrics$, gaps, rejects } = firehoseOver(
      helpers,
      ['oabc#', 'ocdt'],
      { ...POSTS, frames: { a: posts(5), b: like(6), c: like(7), d: posts(8), t: 'text' } },
    )
    expect(runFor(helpers, 5000, events$).seen.map(nameOf)).toEqual(['5-0', '8-0'])
    expect(cursorsOf(sessions)).toEqual([null, '6'])
    expect(metrics$.value).toMatchObject({ filtered: 2, duplicates: 1, delivered: 2, cursor: 8 })
    expect(gaps).toEqual([])
    // A text after messages that were all binary is one bad frame.
    expect(rejects).toHaveLength(1)
  }),
)

it(
  'a text after messages of which nothing was wanted is one bad frame',
  marbles((helpers) => {
    const { events$, rejects } = firehoseOver(helpers, ['obta'], {
      ...POSTS,
      frames: { a: posts(7), b: like(6), t: 'text' },
    })
    expect(runFor(helpers, 5000, events$).seen.map(nameOf)).toEqual(['7-0'])
    expect(rejects).toHaveLength(1)
  }),
)
