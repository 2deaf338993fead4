import { InvalidArgumentError } from 'commander'
import {
  collect,
  once,
  parseCount,
  parseCursor,
  parseDelay,
  parseDuration,
  parseKinds,
  parseList,
  parseSeqStart,
  parseWhole,
} from '../../src/cli/parse.js'

describe('a flag', () => {
  it.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['0s', 0],
  ])('reads the duration %s', (text, ms) => expect(parseDuration(text)).toBe(ms))

  it.each(['', '10', 's', '-1s', '1 s', '1y', '10s!', '1e3s'])(
    'refuses the duration "%s"',
    (text) => {
      expect(() => parseDuration(text)).toThrow(InvalidArgumentError)
    },
  )

  it('refuses a duration that no timer can wait: it would be over at once', () => {
    expect(parseDelay('24d')).toBe(2_073_600_000)
    expect(() => parseDelay('35d')).toThrow('Write a duration up to 24d.')
  })

  it.each(['0', '-1', '1.5', '', 'many', '99999999999999999999'])(
    'refuses the count "%s"',
    (text) => {
      expect(() => parseCount(text)).toThrow(InvalidArgumentError)
    },
  )

  it('reads counts, and 0 where it is one', () => {
    expect([parseCount('10'), parseWhole('0'), parseWhole('3')]).toEqual([10, 0, 3])
  })

  it('reads lists with commas, given once or again', () => {
    expect(parseList('c', parseList('a, b'))).toEqual(['a', 'b', 'c'])
    expect(collect('b', collect('a'))).toEqual(['a', 'b'])
    expect(parseKinds('account', parseKinds('commit,identity'))).toEqual([
      'commit',
      'identity',
      'account',
    ])
    expect(() => parseList('a,,b')).toThrow(InvalidArgumentError)
    expect(() => parseKinds('post')).toThrow(InvalidArgumentError)
  })

  it.each([
    ['live', 'live'],
    ['oldest', 'oldest'],
    ['1767225600000000', 1_767_225_600_000_000],
    ['24000000000', 24_000_000_000],
    ['10m', { ago: 600_000 }],
    ['2026-01-01', new Date('2026-01-01T00:00:00Z')],
    ['2026-01-01T12:00:00+02:00', new Date('2026-01-01T10:00:00Z')],
  ])('reads the cursor %s', (text, cursor) => expect(parseCursor(text)).toEqual(cursor))

  it('reads a start in sequence numbers, and refuses a time', () => {
    expect(['live', 'oldest', '0', '26000000000'].map(parseSeqStart)).toEqual([
      'live',
      'oldest',
      0,
      26_000_000_000,
    ])
    for (const text of ['', '10m', '2026-01-01', '-1', '1.5'])
      expect(() => parseSeqStart(text)).toThrow(InvalidArgumentError)
  })

  it('may be given once where only one can count', () => {
    expect(once('a.example')).toBe('a.example')
    expect(() => once('b.example', 'a.example')).toThrow(/"a\.example" already/)
  })

  it.each(['', 'now', '-5', '2026-99-99', 'Friday'])('refuses the cursor "%s"', (text) => {
    expect(() => parseCursor(text)).toThrow(InvalidArgumentError)
  })
})
