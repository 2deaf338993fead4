import fc from 'fast-check'
import { timeUs, timeUsAt } from '../../src/atproto/time.js'
import { runs } from '../helpers/thick.js'

/** In the middle of other bytes, digits too. */
const timeUsInBytes = (time: unknown): number => {
  const bytes = Buffer.from(`12${time}34`)
  return timeUsAt(bytes, 2, bytes.length - 2)
}

const iso = (us: number): string => {
  const time = new Date(Math.floor(us / 1000)).toISOString().slice(0, -1)
  return `${time}${String(us % 1000).padStart(3, '0')}Z`
}

const NO_TIMES = [
  '',
  'yesterday',
  '2026',
  '2026-01-01',
  '2026-01-01T00:00:00',
  '2026-13-01T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:00:00.Z',
  '2026-01-01T00:00:00.39879xZ',
  '2026-01-01T00:00:00.3987949',
  '2026-01-01T00:00:00.398 94Z',
  '2026-01-01T00:00:00.398794+',
]

describe.each([
  ['a text', timeUs],
  ['bytes', timeUsInBytes],
])('a datetime in %s', (_, read) => {
  it.each([
    ['2026-01-01T00:00:00Z', 1_767_225_600_000_000],
    ['2026-01-01T00:00:00.5Z', 1_767_225_600_500_000],
    ['2026-01-01T00:00:00.123Z', 1_767_225_600_123_000],
    ['2026-01-01T00:00:00.123456Z', 1_767_225_600_123_456],
    ['2026-01-01T00:00:00.1234Z', 1_767_225_600_123_400],
    ['2026-01-01T00:00:00.123456789Z', 1_767_225_600_123_456],
    ['2026-01-01T00:00:00.0007000000Z', 1_767_225_600_000_700],
    ['2026-01-01T02:00:00.000001+02:00', 1_767_225_600_000_001],
  ])('%s is %i microseconds, also right after another of its minute', (time, expected) => {
    expect(read(time)).toBe(expected)
    read('2026-01-01T00:00:59.999999Z')
    expect(read(time)).toBe(expected)
  })

  it.each(NO_TIMES)('is not %p, also right after one of its minute', (time) => {
    expect(read(time)).toBe(0)
    read('2026-01-01T00:00:00.000001Z')
    expect(read(time)).toBe(0)
  })

  it('is read in whatever order times come', () => {
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

  it('is the same whatever came before it', () => {
    // Without any memory of earlier ones.
    const alone = (time: string): number => {
      const [, seconds, fraction = '', zone] =
        /^(\d{4}-\d\d-\d\dT(?!24)\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(time) ?? []
      const ms = Date.parse(`${seconds}${zone}`)
      return Number.isNaN(ms) ? 0 : ms * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6))
    }
    // One minute and its neighbours, so that most are of the minute of the one before.
    const minute = fc.constantFrom(
      '2026-01-01T00:00:',
      '2026-01-01T00:01:',
      '2026-01-01T24:00:',
      '2026-02-30T00:00:',
      '2026-13-01T00:00:',
    )
    const second = fc.constantFrom(
      ...['00', '01', '09', '10', '59', '60', '99', '0', '', '-1', '0x', '\u0130\u0130'],
    )
    const fraction = fc.oneof(
      fc.constantFrom('', '.', '.-', ',5', '.12a'),
      fc.stringMatching(/^\.\d{1,12}$/),
    )
    const zone = fc.constantFrom('Z', 'Z', 'Z', 'Z', '+02:00', '-00:30', '', 'z', 'ZZ', 'Z\n')
    const times = fc.array(fc.tuple(minute, second, fraction, zone), {
      minLength: 2,
      maxLength: 20,
    })
    let good = 0
    fc.assert(
      fc.property(times, (drawn) => {
        const texts = drawn.map((parts) => parts.join(''))
        const expected = texts.map(alone)
        good += expected.filter((us) => us > 0).length
        expect(texts.map(read)).toEqual(expected)
      }),
      { seed: 20261121, numRuns: runs(1000, 3000) },
    )
    expect(good).toBeGreaterThan(runs(500, 1500))
  })
})

it.each([1_767_225_600, null, undefined, {}, ['2026-01-01T00:00:00Z']])(
  'a datetime is not %p',
  (value) => {
    expect(timeUs(value)).toBe(0)
  },
)
