import fc from 'fast-check'
import { type EventFilters, wantedBy } from '../../../src/atproto/filters.js'
import { Control } from '../../../src/live/protocol.js'
import { wantsAny } from '../../../src/sources/firehose/events.js'
import { type Message, readMessage } from '../../../src/sources/firehose/message.js'
import { unwantedMessage } from '../../../src/sources/firehose/skim-message.js'
import { marbles } from '../../../src/testing/index.js'
import { framesOf } from '../../helpers/recordings.js'
import { runs } from '../../helpers/thick.js'
import { runFor } from '../../live/sessions.js'
import { commitFrame, DID, errorFrame, frameOf, identityFrame, posts } from './frames.js'
import { GENERATED, NARROW } from './narrow.js'
import { cursorsOf, firehoseOver, nameOf } from './streams.js'

const FILTERS: readonly EventFilters[] = [...NARROW, { kinds: ['identity', 'account'] }]
const CORPUS: readonly Uint8Array[] = [
  ...GENERATED,
  ...framesOf('local/firehose_frames.bin'),
  identityFrame(3),
  posts(4, 5),
  commitFrame(6, []),
]

/** What a message is to the machine; its body is not. */
const outline = ({ kind, did, seq, time, time_us, frame, body: { rev } }: Message) => ({
  kind,
  did,
  seq,
  time,
  time_us,
  frame,
  rev,
})

function readWhole(frame: Uint8Array): Message | undefined {
  try {
    const read = readMessage(frame)
    return read instanceof Control ? undefined : read
  } catch {
    return undefined
  }
}

describe('a message of which nothing is wanted', () => {
  it.each(FILTERS)('is known without its body, and is what it is with it: %j', (filters) => {
    const wanted = wantedBy(filters)
    const unwanted = CORPUS.flatMap((frame) => {
      const [glance, whole] = [unwantedMessage(frame, wanted), readMessage(frame) as Message]
      // A commit that was too big may be a sync event: it is read whole.
      if (whole.body.tooBig === true) expect(glance).toBeUndefined()
      else expect(glance === undefined).toBe(wantsAny(whole, wanted))
      return glance === undefined
        ? []
        : [[outline(glance), outline(whole), wantsAny(glance, wanted)]]
    })
    expect(unwanted.length).toBeGreaterThan(0)
    for (const [glance, whole, isWanted] of unwanted) {
      expect(glance).toEqual(whole)
      expect(isWanted).toBe(false)
    }
  })

  it('is never one that is wanted, whatever its bytes are', () => {
    const property = fc.property(
      fc.constantFrom(...CORPUS.filter(({ length }) => length < 5000)),
      fc.constantFrom(...FILTERS),
      fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      (bytes, filters, changes) => {
        const broken = bytes.slice()
        for (const [at, byte] of changes) broken[at % broken.length] = byte
        const [glance, whole] = [unwantedMessage(broken, wantedBy(filters)), readWhole(broken)]
        if (glance === undefined || whole === undefined) return
        expect(outline(glance)).toEqual(outline(whole))
        expect(wantsAny(whole, wantedBy(filters))).toBe(false)
      },
    )
    fc.assert(property, { seed: 20261121, numRuns: runs(1000, 5000) })
  })

  it.each<[string, string | Uint8Array]>([
    ['text', 'text'],
    ['an error', errorFrame('ConsumerTooSlow')],
    ['a notice', frameOf('#info', { name: 'OutdatedCursor' })],
    ['a type of tomorrow', frameOf('#tomorrow', { seq: 1 })],
    ['a type that every object has', frameOf('constructor', { seq: 1, did: DID, time: '' })],
    ['another operation', frameOf('#identity', { seq: 1, did: DID, time: '' }, 2)],
    ['a message without a place', frameOf('#identity', { did: DID, time: '' })],
    ['a path that is no ASCII', commitFrame(5, [{ action: 'delete', path: 'a.b.c/é' }])],
    ['a path that is none', commitFrame(5, [], { ops: [{ action: 'delete' }] })],
    ['a frame that goes on', Buffer.concat([identityFrame(5), Uint8Array.of(0)])],
    ['a frame that is cut off', identityFrame(5).slice(0, -1)],
    ['nothing', new Uint8Array()],
  ])('is not %s: that is to be read whole', (_, frame) => {
    expect(unwantedMessage(frame, () => false)).toBeUndefined()
  })

  it('is known by its collection, one of however many', () => {
    const names = Array.from({ length: runs(3000, 5000) }, (_, n) => `com.example.c${n + 10_000}`)
    for (const round of [1, 2]) {
      for (const [n, name] of names.entries()) {
        const frame = commitFrame(round, [{ action: 'delete', path: `${name}/a` }])
        expect(
          unwantedMessage(frame, (_kind, _did, collection) => collection === name),
        ).toBeUndefined()
        expect(
          unwantedMessage(frame, (_kind, _did, collection) => collection === names[n - 1]),
        ).toBeDefined()
      }
    }
  })

  it('is known by the whole of a path that has no slash', () => {
    const frame = commitFrame(5, [{ action: 'delete', path: 'a.b.c' }])
    expect(
      unwantedMessage(frame, (_kind, _did, collection) => collection === 'a.b.c'),
    ).toBeUndefined()
    expect(unwantedMessage(frame, (_kind, _did, collection) => collection === '')).toBeDefined()
  })

  it(
    'moves the position, and is recognised as a repeat, like any other',
    marbles((helpers) => {
      const like = commitFrame(6, [{ action: 'create', path: 'app.bsky.feed.like/a', record: {} }])
      const { events$, sessions, metrics$, gaps } = firehoseOver(helpers, ['oab#', 'obc'], {
        collections: ['app.bsky.feed.post'],
        frames: { a: posts(5), b: like, c: posts(7) },
      })
      expect(runFor(helpers, 5000, events$).seen.map(nameOf)).toEqual(['5-0', '7-0'])
      expect(cursorsOf(sessions)).toEqual([null, '5'])
      expect(metrics$.value).toMatchObject({ filtered: 1, duplicates: 1, delivered: 2, cursor: 7 })
      expect(gaps).toEqual([])
    }),
  )
})
