import { proxyFor } from '../../src/http/node-proxies.js'

const PROXY = 'http://proxy.example:3128'
const on = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: `${PROXY}/h`, HTTPS_PROXY: `${PROXY}/s` }

const chosen = (url: string, variables: Readonly<Record<string, string>>) =>
  proxyFor(new URL(url), variables, [])?.url.href

describe('the proxy of the environment', () => {
  it.each([
    ['http://a.example', `${PROXY}/h`],
    ['ws://a.example', `${PROXY}/h`],
    ['https://a.example', `${PROXY}/s`],
    ['wss://a.example', `${PROXY}/s`],
  ])('for %s is that of its scheme', (url, proxy) => {
    expect(chosen(url, on)).toBe(proxy)
  })

  it('counts only if NODE_USE_ENV_PROXY, or the flag of Node, says so', () => {
    const { NODE_USE_ENV_PROXY: _, ...off } = on
    expect(chosen('http://a.example', off)).toBeUndefined()
    expect(chosen('http://a.example', { ...off, NODE_USE_ENV_PROXY: '0' })).toBeUndefined()
    expect(proxyFor(new URL('http://a.example'), off, ['--use-env-proxy'])).toBeDefined()
  })

  it('is named in lower case first, and an empty name is none', () => {
    const lower = { ...on, http_proxy: 'http://lower.example' }
    expect(chosen('ws://a.example', lower)).toBe('http://lower.example/')
    expect(chosen('ws://a.example', { ...lower, http_proxy: '' })).toBe(`${PROXY}/h`)
    expect(chosen('ws://a.example', { ...on, HTTP_PROXY: '' })).toBeUndefined()
  })

  it.each<[string, readonly string[], readonly string[]]>([
    ['*', ['ws://a.example', 'ws://10.0.0.1'], []],
    ['a.example', ['ws://a.example', 'ws://A.example:80'], ['ws://b.a.example', 'ws://aa.example']],
    ['.a.example', ['ws://a.example', 'ws://b.a.example'], ['ws://ba.example', 'ws://xa.example']],
    ['*.a.example', ['ws://b.a.example'], ['ws://ba.example']],
    ['a.example:8080', ['ws://a.example:8080'], ['ws://a.example', 'ws://a.example:808']],
    ['a.example:443', ['wss://a.example'], ['ws://a.example']],
    ['b.example , a.example', ['ws://a.example', 'ws://b.example'], ['ws://c.example']],
    ['10.0.0.1', ['ws://10.0.0.1'], ['ws://10.0.0.2', 'ws://10.0.0.1.example']],
    ['10.0.0.1-10.0.0.9', ['ws://10.0.0.1', 'ws://10.0.0.9'], ['ws://10.0.0.10']],
    ['10.0.0.0/8', ['ws://10.200.3.4'], ['ws://11.0.0.1', 'ws://a.example']],
    ['::1', ['ws://[::1]:8080'], ['ws://[::2]', 'ws://127.0.0.1']],
    ['[::1]:8080', ['ws://[::1]:8080'], ['ws://[::1]:8081']],
    ['fd00::/8', ['ws://[fd12::1]'], ['ws://[fe12::1]']],
    ['10.0.0.0/99', [], ['ws://10.0.0.1']],
  ])('is left out by NO_PROXY=%s for %j, and not for %j', (list, left, kept) => {
    for (const NO_PROXY of [list, list.toUpperCase()]) {
      expect(left.filter((url) => chosen(url, { ...on, NO_PROXY }) !== undefined)).toEqual([])
      expect(kept.filter((url) => chosen(url, { ...on, NO_PROXY }) === undefined)).toEqual([])
    }
    expect(chosen(left[0] ?? 'ws://x.example', { ...on, no_proxy: list, NO_PROXY: 'z' })).toBe(
      left.length > 0 ? undefined : `${PROXY}/h`,
    )
  })

  it.each(['socks5://me:sesame@proxy.example', 'proxy.example:3128', 'me:sesame@proxy.example'])(
    'that is no http URL ends the stream, and shows no password: %s',
    (HTTPS_PROXY) => {
      const failure = (() => {
        try {
          return chosen('wss://a.example', { ...on, HTTPS_PROXY })
        } catch (error) {
          return error
        }
      })()
      expect(failure).toMatchObject({
        code: 'PROXY',
        retryable: false,
        proxy: 'HTTPS_PROXY',
        message: expect.stringContaining('`HTTPS_PROXY` must be an http or https URL'),
      })
      expect(`${(failure as Error).stack}`).not.toContain('sesame')
    },
  )
})
