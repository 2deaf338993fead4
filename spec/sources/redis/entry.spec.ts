import { positionOf } from '../../../src/sources/redis/entry.js'

describe('positionOf', () => {
  it.each([
    ['1763726400123-0', 1763726400123, 0],
    ['26600000001-7', 26600000001, 7],
    ['0-0', 0, 0],
    // A position of the second epoch.
    [`${2n ** 53n * 2n + 26600000001n}-3`, 26600000001, 3],
    ['18446744073709551615-18446744073709551615', 2 ** 53 - 1, 2 ** 64],
  ])('reads the position and the index of %s', (id, position, index) => {
    expect(positionOf(id)).toEqual({ position, index })
  })
})
