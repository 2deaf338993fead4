import { memoryCursorStore } from '../../src/cursors/memory.js'
import { describeCursorStore } from '../../src/testing/describe-cursor-store.js'

describeCursorStore('memoryCursorStore', () => memoryCursorStore(), { durable: false })

describe('memoryCursorStore, beyond the contract', () => {
  it('begins with the positions it is given, and leaves theirs alone', async () => {
    const earlier = memoryCursorStore([['a', '1']])
    const store = memoryCursorStore(earlier.positions)
    await store.save('a', '2')
    expect([...store.positions]).toEqual([['a', '2']])
    expect(await earlier.load('a')).toBe('1')
  })
})
