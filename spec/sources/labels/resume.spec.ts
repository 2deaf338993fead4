import { tap } from 'rxjs'
import { currentDelivery } from '../../../src/delivery/delivery.js'
import { CursorRefusedError, type LabelEvent, RefusedError } from '../../../src/index.js'
import { marbles } from '../../../src/testing/index.js'
import { expectBalanced, runFor } from '../../live/sessions.js'
import { errorFrame, frameOf, T0, timeOf } from '../firehose/frames.js'
import { cursorsOf, HOST, label, labelsFrame, labelsOver } from './streams.js'

const vals = (labels: readonly LabelEvent[]): string => labels.map(({ val }) => val).join('')

describe('a stream of labels', () => {
  it(
    'asks for one before the last label after a cut, and takes its repeat out',
    marbles((helpers) => {
      const { labels$, sessions, gaps, metrics$ } = labelsOver(helpers, ['oab#', 'obc#', 'ocd'], {
        frames: {
          a: labelsFrame(5, 'a'),
          b: labelsFrame(8, 'b', 'c'),
          c: labelsFrame(9, 'd'),
          d: labelsFrame(12, 'e'),
        },
      })
      expect(vals(runFor(helpers, 10_000, labels$).seen)).toBe('abcde')
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
    'has no gap where the last label does not come again: ozone puts the newer one in its place',
    marbles((helpers) => {
      const { labels$, sessions, gaps } = labelsOver(helpers, ['oa#', 'ob'], {
        frames: { a: labelsFrame(5, 'a'), b: labelsFrame(90, 'b') },
      })
      expect(vals(runFor(helpers, 5000, labels$).seen)).toBe('ab')
      expect(cursorsOf(sessions)).toEqual([null, '4'])
      expect(gaps).toEqual([])
    }),
  )

  it(
    'starts where it is told to: live, at a number, at the oldest',
    marbles((helpers) => {
      const cursorFor = (cursor: 'live' | 'oldest' | number) => {
        const { labels$, sessions } = labelsOver(helpers, ['o'], { cursor })
        runFor(helpers, 10, labels$)
        return cursorsOf(sessions)[0]
      }
      expect((['live', 'oldest', 0, 1, 26_000] as const).map(cursorFor)).toEqual([
        null,
        '0',
        '0',
        '0',
        '25999',
      ])
    }),
  )

  it(
    'emits the label at the number that it was told to start at',
    marbles((helpers) => {
      const { labels$ } = labelsOver(helpers, ['oab'], {
        cursor: 5,
        frames: { a: labelsFrame(5, 'a'), b: labelsFrame(6, 'b') },
      })
      expect(vals(runFor(helpers, 50, labels$).seen)).toBe('ab')
    }),
  )

  it(
    'goes on by its policy if the cursor is in the future, with a gap and no loop',
    marbles((helpers) => {
      for (const [onCursorRefused, cursor] of [
        ['oldest', '0'],
        ['live', null],
      ] as const) {
        const { labels$, sessions, gaps } = labelsOver(helpers, ['oa#', 'ox', 'ob'], {
          onCursorRefused,
          frames: {
            a: labelsFrame(9000, 'a'),
            x: errorFrame('FutureCursor', 'Cursor in the future.'),
            b: labelsFrame(3, 'b'),
          },
        })
        expect(vals(runFor(helpers, 5000, labels$).seen)).toBe('ab')
        expect(cursorsOf(sessions)).toEqual([null, '8999', cursor])
        expect(gaps).toEqual([
          { host: HOST, from: 9000, to: undefined, reason: 'renumbered', recoverable: false },
        ])
      }
    }),
  )

  it(
    'ends under `fail` with what the labeler said',
    marbles((helpers) => {
      const { labels$, sessions } = labelsOver(helpers, ['ox'], {
        cursor: 1_000_000,
        onCursorRefused: 'fail',
        frames: { x: errorFrame('FutureCursor', 'Cursor in the future.') },
      })
      const { error } = runFor(helpers, 5000, labels$)
      expect(error).toBeInstanceOf(CursorRefusedError)
      expect((error as Error).message).toMatch(/FutureCursor: Cursor in the future/)
      expect(sessions.dials).toHaveLength(1)
    }),
  )

  it(
    'detects a renumbered log by another label under the last number, or by a lower number',
    marbles((helpers) => {
      for (const [other, gap] of [
        [labelsFrame(9, 'z'), { from: 9, to: 9 }],
        [labelsFrame(9, label('a', { neg: true, cts: timeOf(9) })), { from: 9, to: 9 }],
        [labelsFrame(9, label('a', { cid: 'bafy', cts: timeOf(9) })), { from: 9, to: 9 }],
        [labelsFrame(2, 'a'), { from: 2, to: 9 }],
      ] as const) {
        const { labels$, gaps, sessions } = labelsOver(helpers, ['oa#', 'ob', 'o'], {
          frames: { a: labelsFrame(9, 'a'), b: other },
        })
        runFor(helpers, 5000, labels$)
        expect(gaps).toEqual([{ host: HOST, ...gap, reason: 'renumbered', recoverable: false }])
        expect(cursorsOf(sessions)).toEqual([null, '8', '0'])
      }
    }),
  )

  it(
    'reports a gap where the labeler says that its log begins later',
    marbles((helpers) => {
      const { labels$, gaps, metrics$ } = labelsOver(helpers, ['oa#', 'oib'], {
        frames: {
          a: labelsFrame(5, 'a'),
          i: frameOf('#info', { name: 'OutdatedCursor' }),
          b: labelsFrame(90, 'b'),
        },
      })
      expect(vals(runFor(helpers, 5000, labels$).seen)).toBe('ab')
      expect(gaps).toEqual([
        { host: HOST, from: 5, to: undefined, reason: 'cursor-too-old', recoverable: false },
      ])
      // Of the repeat, and of what comes after it.
      expect(metrics$.value).toMatchObject({ control: 2, gaps: 1 })
    }),
  )

  it(
    'comes back at once to a labeler that found it too slow',
    marbles((helpers) => {
      const { labels$, sessions, gaps } = labelsOver(helpers, ['oax', 'oab'], {
        frames: {
          a: labelsFrame(5, 'a'),
          b: labelsFrame(6, 'b'),
          x: errorFrame('ConsumerTooSlow', 'Stream consumer too slow'),
        },
      })
      expect(vals(runFor(helpers, 100, labels$).seen)).toBe('ab')
      expect(sessions.times).toEqual([0, 2])
      expect(cursorsOf(sessions)).toEqual([null, '4'])
      expect(gaps).toEqual([])
    }),
  )

  it(
    'ends where the labeler refuses the request itself, in a frame as in an answer',
    marbles((helpers) => {
      const { labels$, sessions } = labelsOver(helpers, ['ox'], {
        frames: { x: errorFrame('InvalidRequest', 'Expected integer value type') },
      })
      const { error } = runFor(helpers, 5000, labels$)
      expect(error).toBeInstanceOf(RefusedError)
      expect(error).toMatchObject({
        status: 400,
        error: 'InvalidRequest',
        message: expect.stringMatching(/Expected integer/),
      })
      expect(sessions.dials).toHaveLength(1)
    }),
  )

  it(
    'rejects what cannot be read, with its bytes, and goes on behind it',
    marbles((helpers) => {
      const mixed = labelsFrame(6, 'b', 5, 'c')
      const alone = labelsFrame(7, label('x', { uri: 5 }))
      const broken = Uint8Array.of(1, 2, 3)
      const { labels$, rejects, sessions, metrics$ } = labelsOver(helpers, ['oamxyd#', 'od'], {
        frames: { a: labelsFrame(5, 'a'), m: mixed, x: alone, y: broken, d: labelsFrame(8, 'd') },
      })
      expect(vals(runFor(helpers, 5000, labels$).seen)).toBe('abcd')
      expect(rejects.map(({ frame, error: { place } }) => [frame, place?.position])).toEqual([
        [mixed, 6],
        [alone, 7],
        [broken, undefined],
      ])
      expect(sessions.dials).toHaveLength(2)
      // A label that cost its frame nothing is told, and not counted as a frame.
      expect(metrics$.value).toMatchObject({ rejected: 2, delivered: 3, duplicates: 1 })
      expectBalanced(metrics$.value)
    }),
  )
})

describe('the labels of one frame', () => {
  it(
    'know their place in it, bad ones counted',
    marbles((helpers) => {
      const places: unknown[] = []
      const { labels$, rejects } = labelsOver(helpers, ['oa'], {
        frames: { a: labelsFrame(6, 'a', 5, 'c') },
      })
      const look = ({ val }: LabelEvent) => {
        const place = currentDelivery()?.place
        places.push([val, place?.host, place?.position, place?.time_us, place?.index])
      }
      runFor(helpers, 100, labels$.pipe(tap(look)))
      expect(places).toEqual([
        ['a', HOST, 6, T0 + 6_000_000, 0],
        ['c', HOST, 6, T0 + 6_000_000, 2],
      ])
      expect(rejects).toHaveLength(1)
    }),
  )
})
