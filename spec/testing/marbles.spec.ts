import { map } from 'rxjs'
import { marbles } from '../../src/testing/index.js'

describe('marbles', () => {
  it('takes no arguments, which Jest would take for its done', () => {
    expect(marbles(() => undefined)).toHaveLength(0)
  })

  it(
    'runs in virtual time and compares values deeply',
    marbles(({ cold, expectObservable }) => {
      const source = cold('  a 60m b|', { a: { n: 1 }, b: { n: 2 } })
      const expected = '     a 60m b|'
      expectObservable(source.pipe(map(({ n }) => ({ n: n * 2 })))).toBe(expected, {
        a: { n: 2 },
        b: { n: 4 },
      })
    }),
  )

  it('throws what both sides said, frame by frame', () => {
    const test = marbles(({ cold, expectObservable }) => {
      expectObservable(cold('a-b-#', { a: 1, b: { deep: [2] } }, new Error('boom'))).toBe('a-b-|', {
        a: 1,
        b: { deep: [3] },
      })
    })
    const actual = /actual\n +0 {2}1\n +2 {2}\{ deep: \[ 2 \] \}\n +4 {2}# Error: boom/
    const expected = /expected\n +0 {2}1\n +2 {2}\{ deep: \[ 3 \] \}\n +4 {2}\|/
    expect(test).toThrow(new RegExp(`${actual.source}[\\s\\S]*${expected.source}`))
  })

  it('throws when a stream that should be silent is not', () => {
    expect(marbles(({ cold, expectObservable }) => expectObservable(cold('a')).toBe('-'))).toThrow(
      '(nothing)',
    )
  })
})
