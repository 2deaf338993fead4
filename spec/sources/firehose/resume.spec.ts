import { take, tap } from 'rxjs'
import { currentDelivery } from '../../../src/delivery/delivery.js'
import type { EventPosition } from '../../../src/delivery/position.js'
import {
  CursorRefusedError,
  type FirehoseConfig,
  type FirehoseEvent,
  RefusedError,
} from '../../../src/index.js'
import { marbles } from '../../../src/testing/index.js'
import { bytesOf, jsonOf } from '../../helpers/recordings.js'
import { expectBalanced, runFor } from '../../live/sessions.js'
import { commitFrame, errorFrame, frameOf, identityFrame, posts, T0 } from './frames.js'
import { cursorsOf, firehoseOver, HOST, nameOf } from './streams.js'

const us = (seq: number): number => T0 + seq * 1_000_000

describe('a firehose that is cut', () => {
  it(
    'asks for one before the last message, and takes its repeat out',
    marbles((helpers) => {
      const { events$, sessions, gaps, metrics$ } = firehoseOver(helpers, ['oab#', 'obc#', 'ocd'], {
        frames: { a: posts(5, 2), b: posts(8, 3), c: identityFrame(9), d: posts(12) },
      })
      const { seen } = runFor(helpers, 10_000, events$)
      expect(seen.map(nameOf)).toEqual(['5-0', '5-1', '8-0', '8-1', '8-2', 'identity 9', '12-0'])
      expect(cursorsOf(sessions)).toEqual([null, '7', '8'])
      expect(gaps).toEqual([])
      expect(metrics$.value).toMatchObject({
        frames: 6,
        events: 6,
        duplicates: 2,
        delivered: 4,
        cursor: 12,
      })
      expectBalanced(metrics$.value)
    }),
  )

  it(
    'starts where it is told to: live, at a number, at the oldest',
    marbles((helpers) => {
      const cursorFor = (cursor: 'live' | 'oldest' | number) => {
        const { events$, sessions } = firehoseOver(helpers, ['o'], { cursor })
        runFor(helpers, 10, events$)
        return cursorsOf(sessions)[0]
      }
      expect((['live', 'oldest', 0, 1, 26_000_000_000] as const).map(cursorFor)).toEqual([
        null,
        '0',
        '0',
        '0',
        '25999999999',
      ])
    }),
  )

  it(
    'reports a gap where the last message is not in the log any more: relays are silent about it',
    marbles((helpers) => {
      const { events$, sessions, gaps } = firehoseOver(helpers, ['oa#', 'ob'], {
        frames: { a: posts(5), b: posts(90) },
      })
      expect(runFor(helpers, 5000, events$).seen.map(nameOf)).toEqual(['5-0', '90-0'])
      // The position, the first row that the log has, and then all of it.
      expect(cursorsOf(sessions)).toEqual([null, '4', '0', '0'])
      expect(gaps).toEqual([
        { host: HOST, from: 5, to: 90, reason: 'cursor-too-old', recoverable: false },
      ])
    }),
  )

  it(
    'reports a gap where the server says so, and one alone',
    marbles((helpers) => {
      const outdated = frameOf('#info', {
        name: 'OutdatedCursor',
        message: 'Requested cursor exceeded limit. Possibly missing events',
      })
      const { events$, gaps, metrics$ } = firehoseOver(helpers, ['oa#', 'oib'], {
        frames: { a: posts(5), i: outdated, b: posts(90) },
      })
      expect(runFor(helpers, 5000, events$).seen.map(nameOf)).toEqual(['5-0', '90-0'])
      expect(gaps).toEqual([
        { host: HOST, from: 5, to: undefined, reason: 'cursor-too-old', recoverable: false },
      ])
      // Of the repeat, and of what comes after it.
      expect(metrics$.value).toMatchObject({ control: 2, gaps: 1 })
    }),
  )

  it(
    'is told that all there is begins later than 0, and that is no gap',
    marbles((helpers) => {
      const { events$, gaps } = firehoseOver(helpers, ['oib'], {
        cursor: 'oldest',
        frames: { i: frameOf('#info', { name: 'OutdatedCursor' }), b: posts(90) },
      })
      expect(runFor(helpers, 50, events$).seen.map(nameOf)).toEqual(['90-0'])
      expect(gaps).toEqual([])
    }),
  )

  it(
    'comes back at once to a server that found it too slow, and is no failure',
    marbles((helpers) => {
      const { events$, sessions, metrics$, gaps } = firehoseOver(helpers, ['oax', 'oabx', 'oac'], {
        frames: {
          a: posts(5),
          b: posts(6),
          c: posts(7),
          x: errorFrame('ConsumerTooSlow', 'Stream consumer too slow'),
        },
      })
      // The repeat of the third connection is that of b.
      const { seen } = runFor(helpers, 100, events$.pipe(take(2)))
      expect(seen.map(nameOf)).toEqual(['5-0', '6-0'])
      expect(sessions.times).toEqual([0, 2])
      expect(cursorsOf(sessions)).toEqual([null, '4'])
      expect(gaps).toEqual([])
      expect(metrics$.value).toMatchObject({ control: 1, duplicates: 1 })
    }),
  )

  it(
    'goes on by its policy if the cursor is in the future, with a gap and no loop',
    marbles((helpers) => {
      for (const [onCursorRefused, cursor] of [
        ['oldest', '0'],
        ['live', null],
      ] as const) {
        const { events$, sessions, gaps } = firehoseOver(helpers, ['oa#', 'ox', 'ob'], {
          onCursorRefused,
          frames: {
            a: posts(9000),
            x: errorFrame('FutureCursor', 'Cursor in the future.'),
            b: posts(3),
          },
        })
        expect(runFor(helpers, 5000, events$).seen.map(nameOf)).toEqual(['9000-0', '3-0'])
        expect(cursorsOf(sessions)).toEqual([null, '8999', cursor])
        expect(gaps).toEqual([
          { host: HOST, from: 9000, to: undefined, reason: 'renumbered', recoverable: false },
        ])
      }
    }),
  )

  it(
    'ends under `fail` with what the server said',
    marbles((helpers) => {
      const { events$, sessions } = firehoseOver(helpers, ['ox'], {
        cursor: 1_000_000,
        onCursorRefused: 'fail',
        frames: { x: errorFrame('FutureCursor', 'Cursor in the future.') },
      })
      const { error } = runFor(helpers, 5000, events$)
      expect(error).toBeInstanceOf(CursorRefusedError)
      expect((error as Error).message).toMatch(/FutureCursor: Cursor in the future/)
      expect(sessions.dials).toHaveLength(1)
    }),
  )

  it(
    'sees by a lower number that the log was counted anew: a relay goes live in silence',
    marbles((helpers) => {
      const { events$, sessions, gaps } = firehoseOver(helpers, ['oa#', 'ob', 'ocb'], {
        frames: { a: posts(9000), b: posts(12), c: posts(1) },
      })
      expect(runFor(helpers, 5000, events$).seen.map(nameOf)).toEqual(['9000-0', '1-0', '12-0'])
      expect(cursorsOf(sessions)).toEqual([null, '8999', '0'])
      expect(gaps).toEqual([
        { host: HOST, from: 12, to: 9000, reason: 'renumbered', recoverable: false },
      ])
    }),
  )

  it(
    'sees by another message under the number of the last that the log was counted anew',
    marbles((helpers) => {
      const stranger = posts(9, 4)
      const other = commitFrame(9, [], { repo: 'did:plc:other' })
      for (const [repeat, renumbered] of [
        // One commit is the same however many of its operations we want.
        [stranger, false],
        [other, true],
      ] as const) {
        const { events$, gaps } = firehoseOver(helpers, ['oa#', 'ob', 'ob'], {
          frames: { a: stranger, b: repeat },
          onCursorRefused: 'live',
        })
        runFor(helpers, 5000, events$)
        expect(gaps.map(({ reason }) => reason)).toEqual(renumbered ? ['renumbered'] : [])
      }
    }),
  )

  it(
    'ends where the server refuses the request itself, in a frame as in an answer',
    marbles((helpers) => {
      const { events$, sessions } = firehoseOver(helpers, ['ox'], {
        frames: { x: errorFrame('InvalidRequest', 'Expected integer value type') },
      })
      const { error } = runFor(helpers, 5000, events$)
      expect(error).toBeInstanceOf(RefusedError)
      expect(error).toMatchObject({ status: 400, error: 'InvalidRequest', retryable: false })
      expect((error as Error).message).toMatch(/Expected integer value type/)
      expect(sessions.dials).toHaveLength(1)
    }),
  )
})

describe('the events of one commit', () => {
  it(
    'know their place in it, whatever is filtered',
    marbles((helpers) => {
      const ops = ['a.b.x/1', 'a.b.y/2', 'a.b.x/3'].map((path) => ({ action: 'delete', path }))
      const places = (config: FirehoseConfig) => {
        const seen: unknown[] = []
        const { events$ } = firehoseOver(helpers, ['oa'], {
          frames: { a: commitFrame(6, ops) },
          ...config,
        })
        const look = (event: FirehoseEvent) => {
          const { host, position, time_us, index } = (currentDelivery()?.place ??
            {}) as Partial<EventPosition>
          seen.push([nameOf(event), host, position, time_us, index])
        }
        runFor(helpers, 100, events$.pipe(tap(look)))
        return seen
      }
      expect(places({})).toEqual([
        ['1', HOST, 6, us(6), 0],
        ['2', HOST, 6, us(6), 1],
        ['3', HOST, 6, us(6), 2],
      ])
      expect(places({ collections: ['a.b.y'] })).toEqual([['2', HOST, 6, us(6), 1]])
    }),
  )

  it(
    'are counted as the frame that they are, and as filtered where none is wanted',
    marbles((helpers) => {
      const { events$, metrics$ } = firehoseOver(helpers, ['oabcd'], {
        collections: ['app.bsky.feed.like'],
        frames: {
          a: posts(5, 3),
          b: commitFrame(6, [
            { action: 'delete', path: 'app.bsky.feed.post/x' },
            { action: 'create', path: 'app.bsky.feed.like/y', record: {} },
          ]),
          c: commitFrame(7, []),
          d: identityFrame(8),
        },
      })
      expect(runFor(helpers, 100, events$).seen.map(nameOf)).toEqual(['y', 'identity 8'])
      expect(metrics$.value).toMatchObject({
        frames: 4,
        events: 4,
        filtered: 2,
        delivered: 2,
        cursor: 8,
      })
    }),
  )
})

describe('a frame that cannot be read', () => {
  it(
    'is a reject at its place, and the stream goes on behind it',
    marbles((helpers) => {
      const good = posts(6)
      // 0xff ends no body.
      const broken = good.slice(0, -1)
      const { events$, rejects, metrics$, sessions } = firehoseOver(helpers, ['oabcn#', 'o'], {
        frames: { a: posts(5), b: broken, c: posts(7), n: 'text' },
      })
      expect(runFor(helpers, 5000, events$).seen.map(nameOf)).toEqual(['5-0', '7-0'])
      expect(rejects.map(({ error, frame, length }) => [error.place, frame, length])).toEqual([
        [{ position: 6, time_us: us(6) }, broken, broken.length],
        [undefined, 'text', 4],
      ])
      expect(metrics$.value).toMatchObject({ rejected: 2, delivered: 2 })
      expect(cursorsOf(sessions)).toEqual([null, '6'])
    }),
  )
})

describe('text', () => {
  it(
    'is a reject also as the first message, after binary messages on an earlier connection',
    marbles((helpers) => {
      const { events$, rejects, sessions } = firehoseOver(helpers, ['oa#', 'onab'], {
        frames: { a: posts(5), b: posts(6), n: 'text' },
      })
      const { seen, error } = runFor(helpers, 5000, events$)
      expect([seen.map(nameOf), error]).toEqual([['5-0', '6-0'], undefined])
      expect(rejects.map(({ frame }) => frame)).toEqual(['text'])
      expect(sessions.dials).toHaveLength(2)
    }),
  )

  it(
    'ends the stream if nothing else came on any connection of the subscription',
    marbles((helpers) => {
      const { events$, sessions } = firehoseOver(helpers, ['o#', 'on', 'oa'], {
        frames: { a: posts(5), n: 'text' },
      })
      expect(runFor(helpers, 5000, events$).error).toMatchObject({ code: 'WIRE' })
      expect(sessions.dials).toHaveLength(2)
      expect(runFor(helpers, 5000, events$).seen.map(nameOf)).toEqual(['5-0'])
    }),
  )
})

describe('a record that is to be checked', () => {
  const schema = {
    '~standard': {
      version: 1 as const,
      vendor: 'spec',
      validate: (value: unknown) =>
        typeof (value as { text?: unknown }).text === 'string'
          ? { value: { checked: value } }
          : { issues: [{ message: 'must be text', path: ['text'] }] },
    },
  }
  const async = {
    '~standard': { ...schema['~standard'], validate: async (value: unknown) => ({ value }) },
  }
  const throwing = {
    '~standard': {
      ...schema['~standard'],
      validate: (): never => {
        throw new Error('no schema today')
      },
    },
  }

  it(
    'is what its schema makes of it, or a reject: its neighbours come through',
    marbles((helpers) => {
      const { events$, rejects, metrics$ } = firehoseOver(helpers, ['oa'], {
        records: { 'a.b.checked': schema, 'a.b.late': async, 'a.b.thrown': throwing },
        frames: {
          a: commitFrame(5, [
            { action: 'create', path: 'a.b.checked/1', record: { text: 'yes' } },
            { action: 'create', path: 'a.b.checked/2', record: { text: 2 } },
            { action: 'delete', path: 'a.b.checked/3' },
            { action: 'create', path: 'a.b.late/4', record: {} },
            { action: 'create', path: 'a.b.thrown/5', record: {} },
            { action: 'create', path: 'a.b.other/6', record: { text: 2 } },
          ]),
        },
      })
      const { seen } = runFor(helpers, 100, events$)
      expect(seen.map(nameOf)).toEqual(['1', '3', '6'])
      expect(seen[0]).toMatchObject({ commit: { record: { checked: { text: 'yes' } } } })
      expect(rejects.map(({ error }) => error.message)).toEqual([
        expect.stringMatching(/a\.b\.checked\/2 is no a\.b\.checked: text must be text$/),
        expect.stringMatching(/asynchronous/),
        expect.stringMatching(/a\.b\.thrown\/5 cannot be checked: no schema today/),
      ])
      expect(rejects.map(({ error }) => error.place)).toEqual(
        Array(3).fill({ position: 5, time_us: us(5) }),
      )
      expect(metrics$.value).toMatchObject({ frames: 1, delivered: 1, done: 1, rejected: 0 })
    }),
  )
})

interface Refusal {
  readonly server: string
  readonly request: string
  readonly frames: readonly { readonly hex?: string }[]
}

describe('what servers were seen to say', () => {
  const refusals = jsonOf<readonly Partial<Refusal>[]>('local/refusals.json').filter(
    ({ request }) => request?.includes('subscribeRepos'),
  )
  const framesOf = (name: string) =>
    refusals
      .flatMap(({ frames = [] }) =>
        frames.flatMap(({ hex }) =>
          hex === undefined ? [] : [Uint8Array.from(Buffer.from(hex, 'hex'))],
        ),
      )
      .filter((frame) => Buffer.from(frame).includes(name))

  it.each([
    ['FutureCursor', ['renumbered'], undefined],
    ['OutdatedCursor', ['cursor-too-old'], undefined],
    ['ConsumerTooSlow', [], undefined],
    ['InvalidRequest', [], 'REFUSED'],
  ] as const)('of %s is understood', (name, reasons, code) => {
    const frames = framesOf(name)
    expect(bytesOf('local/refusals.json').length).toBeGreaterThan(0)
    expect(frames.length).toBeGreaterThan(0)
    for (const frame of frames) {
      marbles((helpers) => {
        // OutdatedCursor is said of the repeat, and once more of what comes after it.
        const sessions = name === 'OutdatedCursor' ? ['oa#', 'ox', 'ox', 'o'] : ['oa#', 'ox', 'o']
        const { events$, gaps } = firehoseOver(helpers, sessions, {
          frames: { a: posts(5), x: frame },
        })
        const { error } = runFor(helpers, 5000, events$)
        expect(gaps.map(({ reason }) => reason)).toEqual(reasons)
        expect((error as { code?: string } | undefined)?.code).toBe(code)
      })()
    }
  })
})
