import { ConfigError } from '../../src/errors.js'
import {
  fakeFirehose,
  fakeJetstream,
  fakeLabels,
  fakeRepos,
  fakeTap,
  faultProxy,
} from '../../src/testing/index.js'

// Node fires a timer of 3e9 ms, and one of NaN, after a millisecond.
const TOO_LONG = 3e9

describe('a time that no timer can wait', () => {
  it.each([
    ['fakeJetstream', 'pingEveryMs', () => fakeJetstream({ pingEveryMs: TOO_LONG })],
    ['fakeJetstream', 'writeTimeoutMs', () => fakeJetstream({ writeTimeoutMs: Number.NaN })],
    ['fakeFirehose', 'pingEveryMs', () => fakeFirehose({ pingEveryMs: TOO_LONG })],
    ['fakeLabels', 'pingEveryMs', () => fakeLabels({ pingEveryMs: 0 })],
    ['fakeTap', 'retryTimeoutMs', () => fakeTap({ retryTimeoutMs: TOO_LONG })],
    ['fakeRepos', 'faults.0.delayMs', () => fakeRepos({ faults: [slow(TOO_LONG)] })],
    ['faultProxy', 'latencyMs', () => faultProxy({ target: 1, latencyMs: TOO_LONG })],
    ['faultProxy', 'bandwidth', () => faultProxy({ target: 1, bandwidth: 0 })],
    ['faultProxy', 'slice.delayMs', () => faultProxy({ target: 1, slice: sliced(Number.NaN) })],
  ] as const)('is refused by %s as `%s`', async (callee, option, start) => {
    const error = await start().then(
      (server) => server.close(),
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(ConfigError)
    expect(error).toMatchObject({ callee, issues: [{ option }] })
  })

  it('is refused by a proxy that runs, which goes on as before', async () => {
    await using proxy = await faultProxy({ target: 1, latencyMs: 5 })
    expect(() => proxy.set({ latencyMs: TOO_LONG })).toThrow(ConfigError)
    expect(() => proxy.set({ latencyMs: 7 })).not.toThrow()
  })

  it('is no timer at all, if it is the Infinity of a Tap that sends nothing again', async () => {
    const timers = jest.spyOn(globalThis, 'setInterval')
    await using _ = await fakeTap({ retryTimeoutMs: Number.POSITIVE_INFINITY })
    expect(timers).not.toHaveBeenCalled()
    timers.mockRestore()
  })
})

const slow = (delayMs: number) => ({ onRequest: 1, do: 'slow', delayMs }) as const
const sliced = (delayMs: number) => ({ bytes: 1, delayMs })
