import fc from 'fast-check'
import {
  isSurelyBounded,
  type Layout,
  parseBounded,
  Unreadable,
} from '../../src/internal/bounded-json.js'
import { BoundsError, MAX_DEPTH, MAX_MEMBERS } from '../../src/internal/content-bounds.js'
import { deep, emptyMaps, keys, zeros } from '../helpers/hostile.js'

const LAYOUT: Layout = { wrapper: 'commit', replaced: 'record' }
// So many brackets that a glance does not do.
const MANY = `"${'['.repeat(MAX_DEPTH + 1)}"`
const withMany = (text: string): string => `{"many":${MANY},"value":${text}}`

const outcome = (read: () => unknown): unknown => {
  try {
    return read()
  } catch (error) {
    return error instanceof SyntaxError ? 'no JSON' : error
  }
}

/** Depth and members of a parsed value, as its definition has them. */
function measured(value: unknown): { readonly depth: number; readonly members: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, members: 0 }
  const all = Object.values(value).map(measured)
  return {
    depth: 1 + Math.max(0, ...all.map(({ depth }) => depth)),
    members: all.reduce((sum, { members }) => sum + members, all.length),
  }
}

describe('bounded JSON', () => {
  it('is what JSON.parse makes of it, or no JSON, for any text', () => {
    const token = fc.constantFrom(
      ...'{}[],:"\\ \n\t1e-.',
      'null',
      'true',
      '"a"',
      '"\\""',
      '"\\u005b"',
      '{}',
      '[]',
    )
    const text = fc.oneof(
      fc.json({ stringUnit: 'binary' }),
      fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join('')),
      fc
        .tuple(fc.jsonValue(), fc.constantFrom(1, 2, '\t'))
        .map(([value, space]) => JSON.stringify(value, null, space)),
    )
    const property = fc.property(text, (json) => {
      for (const whole of [
        withMany(json),
        `{"commit":{"a":${MANY},"record":${json}}}`,
        `${MANY.slice(1)}${json}`,
      ]) {
        expect(isSurelyBounded(whole)).toBe(false)
        expect(outcome(() => parseBounded(whole, LAYOUT))).toEqual(outcome(() => JSON.parse(whole)))
      }
      expect(outcome(() => parseBounded(json, LAYOUT))).toEqual(outcome(() => JSON.parse(json)))
    })
    fc.assert(property, { seed: 20261130, numRuns: 1500 })
  })

  it('has the depth and the members of its value', () => {
    // Each value is put where one level and one member more is one too many.
    const property = fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const { depth, members } = measured(value)
      fc.pre(depth > 0)
      const at = (levels: number): string =>
        '['.repeat(levels) + JSON.stringify(value) + ']'.repeat(levels)
      expect(() => parseBounded(withMany(at(MAX_DEPTH - depth)), LAYOUT)).not.toThrow()
      expect(() => parseBounded(withMany(at(MAX_DEPTH - depth + 1)), LAYOUT)).toThrow(BoundsError)
      const beside = (count: number): string =>
        `[${JSON.stringify(value)},${Array(count).fill(0).join()}]`
      const record = (text: string): string => `{"commit":{"record":${text}}}`
      const read = (count: number): unknown =>
        (parseBounded(record(beside(count)), LAYOUT) as { commit: { record: unknown } }).commit
          .record
      expect(read(MAX_MEMBERS - members - 1)).toHaveLength(MAX_MEMBERS - members)
      expect(read(MAX_MEMBERS - members)).toBeInstanceOf(Unreadable)
    })
    fc.assert(property, { seed: 20261130, numRuns: 20 })
  })

  it.each([
    ['64 levels', deep(64).json, deep(65).json],
    ['131,072 empty objects', emptyMaps(MAX_MEMBERS - 1).json, emptyMaps(MAX_MEMBERS).json],
    ['131,072 numbers', zeros(MAX_MEMBERS - 1).json, zeros(MAX_MEMBERS).json],
    ['131,072 keys', keys(MAX_MEMBERS).json, keys(MAX_MEMBERS + 1).json],
  ])('has room for a record of %s, and not for one more', (_, good, bad) => {
    const read = (record: string): unknown =>
      (
        parseBounded(`{"commit":{"rkey":"a","record":${record},"cid":"b"}}`, LAYOUT) as {
          commit: object
        }
      ).commit
    expect(read(good)).toEqual({ rkey: 'a', record: JSON.parse(good), cid: 'b' })
    expect(read(bad)).toEqual({
      rkey: 'a',
      record: new Unreadable(expect.stringMatching(/^more than/) as never, bad),
      cid: 'b',
    })
  })

  it('counts each level of what is beside a record from the member that holds it', () => {
    const { json } = deep(64)
    expect(parseBounded(`{"identity":${json}}`, LAYOUT)).toEqual({ identity: JSON.parse(json) })
    expect(() => parseBounded(`{"identity":[${json}]}`, LAYOUT)).toThrow(/more than 64 levels deep/)
    expect(parseBounded(`{"commit":{"other":${json}}}`, LAYOUT)).toEqual({
      commit: { other: JSON.parse(json) },
    })
    expect(() => parseBounded(`{"commit":{"other":[${json}]}}`, LAYOUT)).toThrow(BoundsError)
    expect(() => parseBounded(`[${json}]`, LAYOUT)).toThrow(BoundsError)
  })

  it('replaces the last of two records of one name, and one whose name is escaped', () => {
    const { json } = deep(65)
    const read = (text: string): unknown =>
      (parseBounded(text, LAYOUT) as { commit: { record: unknown } }).commit.record
    expect(read(`{"commit":{"record":${json},"record":1}}`)).toBe(1)
    expect(read(`{"commit":{"record":1,"record":${json}}}`)).toBeInstanceOf(Unreadable)
    expect(read(`{"commit":{"record":${json}},"commit":{"record":1}}`)).toBe(1)
    expect(read(String.raw`{"c\u006fmmit":{"rec\u006frd":${json}}}`)).toBeInstanceOf(Unreadable)
    expect(parseBounded(`{"commit":{"record":${json}},"commit":null}`, LAYOUT)).toEqual({
      commit: null,
    })
  })

  it('is refused before it is parsed where it is cut off', () => {
    for (const text of [
      '['.repeat(1_000_000),
      '{"a":'.repeat(1_000_000),
      `{"commit":{"record":${'['.repeat(1_000_000)}`,
    ]) {
      expect(() => parseBounded(text, LAYOUT)).toThrow(/cut off|levels deep/)
    }
  })

  it('takes a root for content where the layout says so', () => {
    const layout: Layout = { wrapper: 'commit', isContent: (root) => !('kind' in root) }
    const root = (kind: string, levels: number): string =>
      `{${kind}"a":${'['.repeat(levels)}${']'.repeat(levels)}}`
    expect(() => parseBounded(root('', 63), layout)).not.toThrow()
    expect(() => parseBounded(root('', 64), layout)).toThrow(BoundsError)
    expect(() => parseBounded(root('"kind":"x",', 64), layout)).not.toThrow()
    expect(() => parseBounded(root('"kind":"x",', 65), layout)).toThrow(BoundsError)
  })
})
