import * as fc from 'fast-check'
import { FifoQueue, KeyedQueue } from '../../src/internal/keyed-queue.js'
import { cpuMs } from '../helpers/cpu.js'

interface Item {
  readonly key: number
  readonly n: number
}

const keyed = () => new KeyedQueue<Item>(({ key }) => key)
const item = (key: number, n: number): Item => ({ key, n })

describe('a KeyedQueue', () => {
  it('gives one value of a key at a time, and those of other keys beside it', () => {
    const queue = keyed()
    const [a1, a2, b1] = [item(1, 1), item(1, 2), item(2, 3)]
    for (const each of [a1, a2, b1]) queue.push(each)
    expect([queue.next(), queue.next(), queue.next(), queue.size]).toEqual([a1, b1, undefined, 1])
    queue.finished(b1)
    expect(queue.next()).toBeUndefined()
    queue.finished(a1)
    expect([queue.next(), queue.size]).toEqual([a2, 0])
  })

  it('takes a key up again after its last value is finished', () => {
    const queue = keyed()
    for (const n of [1, 2]) {
      queue.push(item(1, n))
      expect(queue.next()).toEqual(item(1, n))
      queue.finished(item(1, n))
    }
  })

  it('drops the oldest of all: one that is ready, or one behind the value that runs', () => {
    const queue = keyed()
    for (const each of [item(1, 1), item(1, 2), item(2, 3), item(1, 4)]) queue.push(each)
    expect(queue.next()).toEqual(item(1, 1))
    expect([
      queue.dropOldest(),
      queue.dropOldest(),
      queue.dropOldest(),
      queue.dropOldest(),
    ]).toEqual([item(1, 2), item(2, 3), item(1, 4), undefined])
    queue.finished(item(1, 1))
    expect([queue.next(), queue.size]).toEqual([undefined, 0])
  })

  it('makes the next value of a key ready when the one before it is dropped', () => {
    const queue = keyed()
    for (const each of [item(1, 1), item(1, 2)]) queue.push(each)
    expect(queue.dropOldest()).toEqual(item(1, 1))
    expect(queue.next()).toEqual(item(1, 2))
  })

  it('tells keys apart as a Map does: NaN, undefined and objects too', () => {
    const queue = new KeyedQueue<{ readonly key: unknown }>(({ key }) => key)
    const keys = [Number.NaN, Number.NaN, undefined, undefined, '1', 1]
    for (const key of keys) queue.push({ key })
    expect(
      Array.from({ length: 6 }, () => queue.next()?.key).filter((_, index) => index < 4),
    ).toEqual([Number.NaN, undefined, '1', 1])
    expect(queue.size).toBe(2)
  })

  it('gives up and finds values at a cost that does not grow with how many wait', () => {
    const msFor = (waiting: number): number => {
      const queue = keyed()
      for (let n = 0; n < waiting; n += 1) queue.push(item(n, n))
      const start = cpuMs()
      for (let n = 0; n < 50_000; n += 1) {
        const next = queue.next()
        if (next !== undefined) queue.finished(next)
        queue.push(item(waiting + n, n))
      }
      return cpuMs() - start
    }
    msFor(10)
    // A `Set` in its place took 56 µs a value here and more, 3 s in all; this takes 0.2 s.
    expect(msFor(100_000)).toBeLessThan(1500)
  })

  it('in any order of calls: loses nothing, keeps each order, and never runs a key twice', () => {
    const calls = fc.array(
      fc.oneof(
        fc.nat({ max: 3 }),
        fc.constantFrom('next' as const, 'finish' as const, 'drop' as const),
      ),
      {
        maxLength: 200,
      },
    )
    fc.assert(
      fc.property(calls, (all) => {
        const queue = keyed()
        const waiting: Item[] = []
        const running: Item[] = []
        for (const [n, call] of all.entries()) {
          if (typeof call === 'number') {
            queue.push(item(call, n))
            waiting.push(item(call, n))
          } else if (call === 'next') {
            const next = queue.next()
            const may = waiting.filter(({ key }) => running.every((one) => one.key !== key))
            if (next === undefined) expect(may).toEqual([])
            else {
              expect(may.find(({ key }) => key === next.key)).toEqual(next)
              running.push(
                ...waiting.splice(
                  waiting.findIndex((one) => one.n === next.n),
                  1,
                ),
              )
            }
          } else if (call === 'drop') expect(queue.dropOldest()).toEqual(waiting.shift())
          else for (const one of running.splice(n % (running.length + 1), 1)) queue.finished(one)
          expect(queue.size).toBe(waiting.length)
        }
      }),
      { seed: 1, numRuns: 300 },
    )
  })
})

describe('a FifoQueue', () => {
  it('gives every value in order, whatever still runs', () => {
    const queue = new FifoQueue<number>()
    for (const n of [1, 2, 3]) queue.push(n)
    expect([
      queue.size,
      queue.next(),
      queue.next(),
      queue.dropOldest(),
      queue.next(),
      queue.size,
    ]).toEqual([3, 1, 2, 3, undefined, 0])
  })
})
