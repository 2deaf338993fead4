import { firstValueFrom, timer } from 'rxjs'
import { RefusedError } from '../../../../src/errors.js'
import { type Budget, budgetOf } from '../../../../src/sources/jetstream/archive/budget.js'
import { Lifetime } from '../../../../src/sources/jetstream/archive/lifetime.js'

beforeEach(() => jest.useFakeTimers())
afterEach(() => jest.useRealTimers())

const refusal = new RefusedError('getBlock was answered with 429', { status: 429, body: '' })
const running = new Lifetime()
let names = 0
const freshKey = () => `secret-${++names}-of-a-spec`

/** A quota that refills: a request is refused while there is no token. */
class Quota {
  tokens: number
  served = 0
  refused = 0
  most = 0
  #open = 0

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
  ) {
    this.tokens = burst
    setInterval(() => {
      this.tokens = Math.min(this.burst, this.tokens + 1)
    }, 1000 / this.perSecond)
  }

  async request(): Promise<boolean> {
    this.#open += 1
    this.most = Math.max(this.most, this.#open)
    await firstValueFrom(timer(20))
    this.#open -= 1
    if (this.tokens < 1) {
      this.refused += 1
      return false
    }
    this.tokens -= 1
    this.served += 1
    return true
  }
}

async function download(budget: Budget, quota: Quota, waits: number[]): Promise<void> {
  for (;;) {
    const permit = await budget.acquire(running, (_, ms) => waits.push(ms))
    const isServed = await quota.request()
    permit.release(isServed ? 'succeeded' : 'failed')
    if (isServed) return
    budget.limited(permit, refusal, 1000)
  }
}

describe('the budget of an API key', () => {
  it('goes on through a storm of refusals, with few of them and no wait at once', async () => {
    const key = freshKey()
    const quota = new Quota(5, 10)
    const waits: number[] = []
    // Eight streams of one process, each with its own downloads.
    const all = Array.from({ length: 8 }, () => budgetOf(key, 'https://a.example')).flatMap(
      (budget) => Array.from({ length: 25 }, () => download(budget, quota, waits)),
    )
    await jest.advanceTimersByTimeAsync(300_000)
    await Promise.all(all)
    expect(quota.served).toBe(200)
    expect(quota.most).toBeLessThanOrEqual(32)
    // Without one budget for all, and jitter, each token draws a refusal of everybody else.
    expect(quota.refused).toBeLessThan(quota.served)
    expect(waits.length).toBeGreaterThan(0)
    expect(new Set(waits).size).toBeGreaterThan(waits.length * 0.9)
  })

  it('never asks before the time that the server named', async () => {
    const budget = budgetOf(freshKey(), 'https://a.example')
    const first = await budget.acquire(running, () => {})
    first.release('failed')
    budget.limited(first, refusal, 5000)
    let isGranted = false
    const next = budget
      .acquire(running, () => {})
      .then((permit) => {
        isGranted = true
        permit.release('succeeded')
      })
    await jest.advanceTimersByTimeAsync(4999)
    expect(isGranted).toBe(false)
    await jest.advanceTimersByTimeAsync(1000)
    await next
    expect(isGranted).toBe(true)
  })

  it('halves once for requests that are refused together, and grows one by one', async () => {
    const budget = budgetOf(freshKey(), 'https://a.example')
    const permits = await Promise.all(
      Array.from({ length: 8 }, () => budget.acquire(running, () => {})),
    )
    for (const permit of permits) {
      permit.release('failed')
      budget.limited(permit, refusal, 10)
    }
    let open = 0
    for (let n = 0; n < 20; n += 1)
      void budget
        .acquire(running, () => {})
        .then(() => {
          open += 1
        })
    await jest.advanceTimersByTimeAsync(5000)
    expect(open).toBe(4)
  })

  it('is that of the key on every host, and that of the host without one', () => {
    const key = freshKey()
    expect(budgetOf(key, 'https://a.example')).toBe(budgetOf(key, 'https://b.example'))
    expect(budgetOf(undefined, 'https://a.example')).not.toBe(budgetOf(key, 'https://a.example'))
    expect(budgetOf(undefined, 'https://a.example')).toBe(budgetOf(undefined, 'https://a.example'))
    expect(budgetOf(undefined, 'https://b.example')).not.toBe(
      budgetOf(undefined, 'https://a.example'),
    )
  })

  it('is shared by all copies of the library, and does not show the key', () => {
    const key = freshKey()
    budgetOf(key, 'https://a.example')
    const shared = Reflect.get(globalThis, Symbol.for('rxjs-atproto.archive-budgets.1'))
    expect(shared).toBeInstanceOf(Map)
    expect([...(shared as Map<string, unknown>).keys()].join()).not.toContain(key)
  })

  it('lets go of a request that is given up', async () => {
    const budget = budgetOf(freshKey(), 'https://a.example')
    const permits = await Promise.all(
      Array.from({ length: 8 }, () => budget.acquire(running, () => {})),
    )
    const life = new Lifetime()
    const waiting = budget.acquire(life, () => {})
    life.end(new Error('closed'))
    await expect(waiting).rejects.toThrow('closed')
    const next = budget.acquire(running, () => {})
    permits[0]?.release('succeeded')
    expect((await next).epoch).toBe(0)
  })
})
