import { hashOf } from '../../src/internal/hash.js'

describe('hashOf', () => {
  it('answers the same for the same text, for ever: stores keep what it names', () => {
    expect([hashOf(''), hashOf('a'), hashOf('did:plc:a,did:plc:b')]).toEqual([
      'm45a1xhh',
      '17p2fbkqtrg',
      '1dtcjsit16y',
    ])
  })

  it('tells 20,000 lists of DIDs apart', () => {
    const hashes = new Set(
      Array.from({ length: 20_000 }, (_, n) => hashOf(`did:plc:${n.toString(36)},did:plc:x`)),
    )
    expect(hashes.size).toBe(20_000)
  })

  it('tells texts apart that differ in order or in one letter', () => {
    const texts = ['ab', 'ba', 'a', 'b', 'abc', 'abd', 'é', 'è', '\u{1f600}', '\u{1f601}']
    expect(new Set(texts.map(hashOf)).size).toBe(texts.length)
  })

  it('is short, and safe in a key', () => {
    for (let n = 0; n < 1000; n += 1) expect(hashOf(String(n))).toMatch(/^[0-9a-z]{1,11}$/)
  })
})
