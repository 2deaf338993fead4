import { backoffMs } from '../../src/options/backoff.js'

describe('backoffMs', () => {
  const delays = (count: number, options: Parameters<typeof backoffMs>[1]) =>
    Array.from({ length: count }, (_, index) => backoffMs(index + 1, options))

  it('doubles from a second to a minute, by default', () => {
    expect(delays(8, { jitter: 'none' })).toEqual([
      1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000,
    ])
  })

  it('takes its own first delay, factor and bound', () => {
    expect(
      delays(4, { jitter: 'none', initialDelayMs: 10, multiplier: 3, maxDelayMs: 100 }),
    ).toEqual([10, 30, 90, 100])
  })

  it('takes a random part of the delay, from nothing to all of it', () => {
    expect(delays(3, { random: () => 0 })).toEqual([0, 0, 0])
    expect(delays(3, { random: () => 0.999 })).toEqual([999, 1998, 3996])
  })

  it('spreads clients evenly over the delay with the real chance', () => {
    const many = Array.from({ length: 2000 }, () => backoffMs(1))
    expect(Math.min(...many)).toBeGreaterThanOrEqual(0)
    // Rounded: a chance just below 1 gives all of the delay.
    expect(Math.max(...many)).toBeLessThanOrEqual(1000)
    expect(many.every(Number.isInteger)).toBe(true)
    expect(many.filter((ms) => ms < 500).length).toBeGreaterThan(800)
    expect(many.filter((ms) => ms >= 500).length).toBeGreaterThan(800)
  })

  it('stays a number after ten thousand attempts', () => {
    expect(backoffMs(10_000, { jitter: 'none' })).toBe(60_000)
    expect(backoffMs(10_000, { jitter: 'none', initialDelayMs: 0 })).toBe(0)
    expect(backoffMs(10_000, { jitter: 'none', multiplier: 1 })).toBe(1000)
  })
})
