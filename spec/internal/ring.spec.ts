import * as fc from 'fast-check'
import { Ring } from '../../src/internal/ring.js'

describe('a Ring', () => {
  it('gives values back in the order in which they came', () => {
    const ring = new Ring<number>()
    for (let n = 0; n < 100; n += 1) ring.push(n)
    expect(Array.from({ length: 100 }, () => ring.shift())).toEqual(
      Array.from({ length: 100 }, (_, n) => n),
    )
  })

  it('gives undefined when it is empty, and is not hurt by that', () => {
    const ring = new Ring<string>()
    expect([ring.shift(), ring.size]).toEqual([undefined, 0])
    ring.push('a')
    expect([ring.shift(), ring.shift(), ring.size]).toEqual(['a', undefined, 0])
  })

  it('keeps values that are undefined', () => {
    const ring = new Ring<undefined>()
    ring.push(undefined)
    expect(ring.size).toBe(1)
    ring.shift()
    expect(ring.size).toBe(0)
  })

  it('does in any order of pushes and shifts what an array does', () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.nat() },
        { weight: 2, arbitrary: fc.constant('shift' as const) },
      ),
      {
        maxLength: 300,
      },
    )
    fc.assert(
      fc.property(steps, (all) => {
        const [ring, array] = [new Ring<number>(), [] as number[]]
        for (const step of all) {
          if (step === 'shift') expect(ring.shift()).toBe(array.shift())
          else {
            ring.push(step)
            array.push(step)
          }
          expect(ring.size).toBe(array.length)
        }
      }),
      { seed: 1 },
    )
  })
})
