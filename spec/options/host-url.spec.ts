import { hostUrl } from '../../src/options/host-url.js'

describe('hostUrl', () => {
  it.each([
    ['example.com', 'wss://example.com/'],
    ['example.com:6008', 'wss://example.com:6008/'],
    ['example.com/some/path', 'wss://example.com/some/path'],
    ['example.com:443/path', 'wss://example.com/path'],
    ['EXAMPLE.com', 'wss://example.com/'],
    [' example.com ', 'wss://example.com/'],
    ['wss://example.com', 'wss://example.com/'],
    ['ws://example.com:80', 'ws://example.com/'],
    ['https://example.com/x', 'wss://example.com/x'],
    ['http://example.com', 'ws://example.com/'],
    ['HTTPS://example.com', 'wss://example.com/'],
    ['192.168.0.7:6008', 'wss://192.168.0.7:6008/'],
    ['münchen.example', 'wss://xn--mnchen-3ya.example/'],
  ])('reads %s as %s', (host, url) => {
    expect(hostUrl(host).href).toBe(url)
  })

  it.each([
    ['localhost', 'ws://localhost/'],
    ['localhost:6008', 'ws://localhost:6008/'],
    ['127.0.0.1:6008', 'ws://127.0.0.1:6008/'],
    ['127.1.2.3', 'ws://127.1.2.3/'],
    ['[::1]:6008', 'ws://[::1]:6008/'],
    ['::1', 'ws://[::1]/'],
    ['localhost:443', 'ws://localhost:443/'],
    ['localhost:80', 'ws://localhost/'],
    ['wss://localhost:6008', 'wss://localhost:6008/'],
    ['localhost.example.com', 'wss://localhost.example.com/'],
  ])('reads %s as %s: a loopback address has no certificate', (host, url) => {
    expect(hostUrl(host).href).toBe(url)
  })

  it.each([
    ['2001:db8::1', 'wss://[2001:db8::1]/'],
    ['[2001:db8::1]', 'wss://[2001:db8::1]/'],
    ['[2001:db8::1]:6008/x', 'wss://[2001:db8::1]:6008/x'],
    ['wss://[2001:db8::1]:6008', 'wss://[2001:db8::1]:6008/'],
    ['::ffff:192.0.2.1', 'wss://[::ffff:c000:201]/'],
  ])('reads the IPv6 address %s as %s', (host, url) => {
    expect(hostUrl(host).href).toBe(url)
  })

  it.each([
    '',
    '   ',
    'wss://',
    'a b',
    'example.com:port',
    'example.com:99999',
    ':6008',
    '[::1',
    'http://',
  ])('refuses %p', (host) => {
    expect(() => hostUrl(host)).toThrow(/must be a host name or a URL, not ".*"/)
  })

  it.each([
    'ftp://example.com',
    'file:///etc/passwd',
    'wsss://example.com',
    'javascript://example.com',
  ])('refuses the scheme of %s', (host) => {
    expect(() => hostUrl(host)).toThrow('must be a ws, wss, http or https URL')
  })

  it('refuses credentials, and does not repeat them', () => {
    expect(() => hostUrl('wss://user:secret@example.com')).toThrow('use `headers`')
    expect(() => hostUrl('user@example.com')).toThrow('use `headers`')
    expect(() => hostUrl('wss://user:secret@example.com')).not.toThrow('secret')
  })

  it.each(['example.com?cursor=1', 'wss://example.com/subscribe?wantedDids=x', 'example.com#x'])(
    'refuses the query of %s',
    (host) => {
      expect(() => hostUrl(host)).toThrow('use the options')
    },
  )
})
