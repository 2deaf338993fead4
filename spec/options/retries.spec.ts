import { Retries } from '../../src/options/retries.js'

describe('Retries', () => {
  it('waits longer after each failure in a row, and begins again after a success', () => {
    const retries = new Retries({ jitter: 'none' })
    expect([retries.failed(), retries.failed(), retries.count]).toEqual([1000, 2000, 2])
    retries.succeeded()
    expect([retries.count, retries.failed()]).toEqual([0, 1000])
  })

  it('waits at least as long as the server asked for', () => {
    const retries = new Retries({ jitter: 'none', initialDelayMs: 10 })
    expect([retries.failed(500), retries.failed(5)]).toEqual([500, 20])
  })
})
