import { ConfigError, type TapConfig, tap$, tapAdmin } from '../../../src/index.js'

const SECRET = 'p4ss-w0rd'

function mistakeOf(call: () => unknown): ConfigError {
  try {
    call()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** A config as a program without types may give it. */
const wrong = (config: object) => config as TapConfig

describe('the config of tap$', () => {
  it('may be left out', () => {
    expect(() => tap$()).not.toThrow()
  })

  it('is checked at the call, and every mistake is told at once', () => {
    const config = wrong({
      host: 5,
      ack: 'later',
      onReject: 'drop',
      idleTimeoutMs: -1,
      reconnect: { maxAttempts: 1.5 },
      collections: ['a.b.c'],
    })
    const { callee, issues } = mistakeOf(() => tap$(config))
    expect(callee).toBe('tap$')
    expect(Object.fromEntries(issues.map(({ option, message }) => [option, message]))).toEqual({
      host: 'must be a host name or a URL, not 5',
      ack: `must be 'done', 'receipt' or 'none', not "later"`,
      onReject: `must be 'ack' or 'leave', not "drop"`,
      idleTimeoutMs: 'must be above 0, not -1',
      'reconnect.maxAttempts': 'must be a whole number, or Infinity, not 1.5',
      collections: 'is not an option',
    })
  })

  it('has no checkpoint and no list of hosts: the server alone knows where we are', () => {
    const { issues } = mistakeOf(() =>
      tap$(wrong({ host: ['a', 'b'], checkpoint: { load: () => {}, save: () => {} }, cursor: 5 })),
    )
    expect(issues.map(({ option }) => option).sort()).toEqual(['checkpoint', 'cursor', 'host'])
  })

  it.each([
    ['a password that is no string', { adminPassword: 12_345_678 }, '12345678'],
    ['a password in a list', { adminPassword: [SECRET] }, SECRET],
    ['a password in the URL', { host: `ws://admin:${SECRET}@localhost:2480` }, SECRET],
    [
      'a password in a URL that cannot be read',
      { host: `ws://admin:${SECRET}@localhost:port` },
      SECRET,
    ],
    ['a password in a URL of another scheme', { host: `ftp://admin:${SECRET}@localhost` }, SECRET],
    ['a password in a URL in a list', { host: [`ws://admin:${SECRET}@localhost`] }, SECRET],
    ['a password in a header', { headers: { authorization: `Basic ${SECRET}\n` } }, SECRET],
    ['headers that are no object', { headers: `authorization: ${SECRET}` }, SECRET],
  ])('never shows %s', (_, config, secret) => {
    const streams = mistakeOf(() => tap$(wrong({ adminPassword: SECRET, ...config })))
    expect(JSON.stringify([streams.message, streams.issues])).not.toContain(secret)
    if ('headers' in config) return
    const admin = mistakeOf(() => tapAdmin(wrong({ adminPassword: SECRET, ...config })))
    expect(JSON.stringify([admin.message, admin.issues])).not.toContain(secret)
  })
})

describe('the config of tapAdmin', () => {
  it('is checked at the call', () => {
    const { callee, issues } = mistakeOf(() =>
      tapAdmin(wrong({ host: 'ftp://x', timeoutMs: 0, retries: 3 })),
    )
    expect(callee).toBe('tapAdmin')
    expect(issues.map(({ option }) => option).sort()).toEqual(['host', 'retries', 'timeoutMs'])
    expect(mistakeOf(() => tapAdmin({ host: 'ftp://x' })).issues).toEqual([
      { option: 'host', message: 'must be a ws, wss, http or https URL, not "ftp://x"' },
    ])
  })
})
