import { BoundedSet } from '../../src/internal/bounded-set.js'

describe('BoundedSet', () => {
  const full = () => {
    const set = new BoundedSet<string>(3)
    for (const item of ['a', 'b', 'c']) set.add(item)
    return set
  }

  it('returns the item that was added first when another one needs its room', () => {
    const set = full()
    expect([set.add('d'), set.add('e'), set.add('f'), set.add('g')]).toEqual(['a', 'b', 'c', 'd'])
    expect(['d', 'e', 'f', 'g'].map((item) => set.has(item))).toEqual([false, true, true, true])
    expect(set.size).toBe(3)
  })

  it('needs no room for an item that it has', () => {
    const set = full()
    expect(set.add('a')).toBeUndefined()
    expect(set.add('d')).toBe('a')
  })

  it('passes over what was deleted meanwhile', () => {
    const set = full()
    expect(set.add('d')).toBe('a')
    set.delete('b')
    expect(set.add('e')).toBeUndefined()
    expect(set.add('f')).toBe('c')
  })

  it('begins again once it is cleared', () => {
    const set = full()
    set.add('d')
    set.clear()
    expect(set.size).toBe(0)
    for (const item of ['x', 'y', 'z']) expect(set.add(item)).toBeUndefined()
    expect(set.add('a')).toBe('x')
  })

  it('gives its first item up again after it has come back', () => {
    const set = full()
    set.delete('a')
    set.add('a')
    expect(set.add('d')).toBe('b')
  })
})
