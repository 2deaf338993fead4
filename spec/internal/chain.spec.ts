import * as fc from 'fast-check'
import { Chain, type Link } from '../../src/internal/chain.js'

const valuesOf = <T>(chain: Chain<T>): T[] => {
  const values: T[] = []
  for (let link = chain.first; link !== undefined; link = link.next) values.push(link.value)
  return values
}

describe('a Chain', () => {
  it('keeps the order of arrival, and gives up its first, its last and those between', () => {
    const chain = new Chain<number>()
    const [one, two, , four] = [1, 2, 3, 4].map((value) => chain.push(value)) as [
      Link<number>,
      Link<number>,
      Link<number>,
      Link<number>,
    ]
    chain.remove(two)
    expect(valuesOf(chain)).toEqual([1, 3, 4])
    chain.remove(one)
    chain.remove(four)
    expect([valuesOf(chain), chain.size, chain.first?.value]).toEqual([[3], 1, 3])
    chain.push(5)
    expect(valuesOf(chain)).toEqual([3, 5])
  })

  it('is empty after its last member has left, and can be filled again', () => {
    const chain = new Chain<number>()
    chain.remove(chain.push(1))
    expect([chain.first, chain.size]).toEqual([undefined, 0])
    chain.push(2)
    expect(valuesOf(chain)).toEqual([2])
  })

  it('does what an array does, whichever members leave', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.nat(), { nil: undefined }), { maxLength: 200 }),
        (steps) => {
          const [chain, array] = [new Chain<number>(), [] as Link<number>[]]
          for (const [value, step] of steps.entries()) {
            if (step === undefined) array.push(chain.push(value))
            else for (const link of array.splice(step % (array.length + 1), 1)) chain.remove(link)
            expect([valuesOf(chain), chain.size]).toEqual([
              array.map((link) => link.value),
              array.length,
            ])
          }
        },
      ),
      { seed: 1 },
    )
  })
})
