import { inspect } from 'node:util'
import { ReconnectExhaustedError, RefusedError } from '../../src/index.js'
import { fakeTap } from '../../src/testing/index.js'
import { ALICE, first, records, tapped } from '../sources/tap/tapped.js'

const endOf = (source: ReturnType<typeof tapped>): Promise<Error> =>
  new Promise((resolve) => {
    source.events$.subscribe({ error: resolve })
  })

describe('off by one in attempts, and what is tried for ever', () => {
  it.each([0, 1, 3])(
    'maxAttempts: %i is so many retries, and then the end',
    async (maxAttempts) => {
      await using tap = await fakeTap({
        faults: [{ onConnect: 1, times: maxAttempts + 1, do: 'refuse', status: 503 }],
      })
      const source = tapped(tap, { reconnect: { initialDelayMs: 1, jitter: 'none', maxAttempts } })
      const error = await endOf(source)
      expect(error).toBeInstanceOf(ReconnectExhaustedError)
      expect(error.cause).toBeInstanceOf(RefusedError)
      expect(tap.attempts).toHaveLength(maxAttempts + 1)
      expect(source.metrics.connection).toMatchObject({
        state: 'closed',
        reason: { code: 'RECONNECT_EXHAUSTED' },
      })
    },
  )

  it('an open connection alone is no progress', async () => {
    await using tap = await fakeTap({
      events: records(ALICE, 1),
      faults: [{ onConnect: 1, times: 4, do: 'accept-and-drop' }],
    })
    const error = await endOf(
      tapped(tap, { reconnect: { initialDelayMs: 1, jitter: 'none', maxAttempts: 3 } }),
    )
    expect(error).toBeInstanceOf(ReconnectExhaustedError)
    expect(tap.attempts).toHaveLength(4)
  })

  it('an event is: the count begins anew', async () => {
    const faults = [1, 2, 3, 4, 5].map((after) => ({ after, do: 'drop' }) as const)
    await using tap = await fakeTap({ events: records(ALICE, 6, false), faults })
    const source = tapped(tap, { reconnect: { initialDelayMs: 1, jitter: 'none', maxAttempts: 1 } })
    expect(await first(6, source.events$)).toHaveLength(6)
    expect(source.metrics.reconnects).toBe(5)
  })

  it('a 401 is not tried again, and the password is in no message, whatever it holds', async () => {
    const adminPassword = 'naïve\n✨'
    await using tap = await fakeTap({ adminPassword: 'another' })
    const source = tapped(tap, { adminPassword })
    const error = await endOf(source)
    expect(error).toMatchObject({ code: 'REFUSED', status: 401 })
    expect(tap.attempts).toHaveLength(1)
    expect(inspect([error, source.snapshots], { depth: 10 })).not.toContain('naïve')
  })
})
