import { shown } from '../../src/options/shown.js'
import { cpuMs } from '../helpers/cpu.js'

describe('a value in a message', () => {
  it.each([
    ['a URL', 'wss://user:secret@example.com', '"wss://…@example.com"'],
    ['several', ['http://a:b@c', 'x', 'http://d:e@f'], '["http://…@c","x","http://…@f"]'],
    ['an @ in a password', 'wss://a:b@c@example.com/', '"wss://…@example.com/"'],
    ['no password', 'wss://example.com/@', '"wss://…@"'],
  ])('shows %s without what may be a password', (_, value, text) => {
    expect(shown(value)).toBe(text)
  })

  it('is cut after 100 characters', () => {
    expect(shown('x'.repeat(200))).toBe(`"${'x'.repeat(99)}…`)
  })

  it('never shows a password whose end is too far away to be looked for', () => {
    for (const length of [500, 990, 999, 1000, 1001, 5000]) {
      const text = shown(`wss://user:${'secret'.repeat(length)}@example.com`)
      expect(text).not.toContain('secret')
      expect(text).toContain('wss://…')
    }
  })

  it.each(['/', '//', '//a'])(
    'takes a time that does not grow with the square of its length (of %s)',
    (piece) => {
      const started = cpuMs()
      shown(piece.repeat(300_000))
      // In the square it takes minutes.
      expect(cpuMs() - started).toBeLessThan(2000)
    },
  )
})
