import { hashNumber } from '../../src/internal/hash.js'
import { textOf } from '../package/source-files.js'

/** The table of docs/redis.md: text, hash, and its partition of 8 and of 5. */
const VECTORS = [
  ...textOf('docs/redis.md').matchAll(/^\| (\(empty\)|`[^`]+`) \| (\d{10,}) \| (\d) \| (\d) \|$/gm),
].map(
  ([, text = '', hash, of8, of5]) =>
    [text === '(empty)' ? '' : text.slice(1, -1), Number(hash), Number(of8), Number(of5)] as const,
)

describe('the hash that picks a partition', () => {
  it('is documented with vectors', () => {
    expect(VECTORS.length).toBeGreaterThan(4)
  })

  it.each(VECTORS)(
    'of %j is %d, in partition %d of 8 and %d of 5, for ever',
    (text, hash, of8, of5) => {
      expect(hashNumber(text)).toBe(hash)
      expect([hash % 8, hash % 5]).toEqual([of8, of5])
    },
  )

  it('is the program on that page', () => {
    const [, program = ''] = /```js\n(let \[low, high\].*?)```/s.exec(textOf('docs/redis.md')) ?? []
    const documented = new Function('text', program) as (text: string) => number
    const texts = Array.from(
      { length: 1000 },
      (_, n) => `did:plc:${(n * 7919).toString(36).padStart(24, 'a')}ü`,
    )
    expect(texts.map(documented)).toEqual(texts.map(hashNumber))
  })

  it('spreads DIDs evenly over any number of partitions', () => {
    const hashes = Array.from({ length: 20_000 }, (_, n) =>
      hashNumber(`did:plc:${(n * 7919).toString(36).padStart(24, 'a')}`),
    )
    for (const partitions of [2, 3, 5, 8, 16, 100]) {
      const counts = Array.from({ length: partitions }, () => 0)
      for (const hash of hashes) counts[hash % partitions] = (counts[hash % partitions] ?? 0) + 1
      expect(Math.max(...counts) / (20_000 / partitions)).toBeLessThan(1.35)
    }
  })
})
