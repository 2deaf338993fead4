import fc from 'fast-check'
import { microseconds, microsecondsAt } from '../../../src/sources/jetstream/time.js'

const iso = (us: number): string =>
  `${new Date(Math.floor(us / 1000)).toISOString().slice(0, -1)}${String(us % 1000).padStart(3, '0')}Z`

/** In the middle of other bytes. */
const ofBytes = (time: unknown): number =>
  microsecondsAt(Buffer.from(`12${time}34`), 2, 2 + String(time).length)

describe.each([
  ['microseconds', microseconds],
  ['microsecondsAt', ofBytes],
])('%s', (_, read) => {
  it('reads every time, in whatever order they come', () => {
    const times = fc.array(fc.integer({ min: 0, max: 4_000_000_000_000_000 }), { minLength: 1 })
    const near = fc.array(fc.integer({ min: 1_786_452_540_000_000, max: 1_786_452_542_000_000 }), {
      minLength: 1,
    })
    fc.assert(
      fc.property(fc.oneof(times, near), (all) =>
        expect(all.map((us) => read(iso(us)))).toEqual(all),
      ),
    )
  })

  it.each([
    ['2026-08-11T12:49:00Z', 1_786_452_540_000_000],
    ['2026-08-11T12:49:00.3Z', 1_786_452_540_300_000],
    ['2026-08-11T12:49:00.3987949Z', 1_786_452_540_398_794],
    ['2026-08-11T12:49:00.39879xZ', Number.NaN],
    ['2026-08-11T12:49:00.3987949', Number.NaN],
    ['2026-08-11T12:49:00.398 94Z', Number.NaN],
    ['2026-08-11T12:49:00.398794+', Number.NaN],
    ['', Number.NaN],
    [undefined, Number.NaN],
    [['2026-08-11T12:49:00Z'], 1_786_452_540_000_000],
  ])('of %s is %d, also right after a time of the same second', (time, us) => {
    read('2026-08-11T12:49:00.000001Z')
    expect(read(time)).toBe(us)
  })
})
