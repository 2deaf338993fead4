const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

/**
 * Reads a host as a user writes it: `example.com`, `example.com:443/path`, `[::1]:6008`, `::1`, or
 * a `ws`, `wss`, `http` or `https` URL. Without a scheme it is `wss`, and `ws` on a loopback
 * address. Throws an `Error` whose message says what is wrong.
 */
export function hostUrl(host: string): URL {
  const text = host.trim()
  // Before anything else: no other message may show it.
  if (text.includes('@')) throw new Error('must not hold a user name or a password; use `headers`')
  const url = parse(text)
  if (url === undefined || url.hostname === '')
    throw new Error(`must be a host name or a URL, not ${JSON.stringify(host)}`)
  if (url.search !== '' || url.hash !== '')
    throw new Error(
      `must have no query and no fragment, not ${JSON.stringify(host)}; use the options`,
    )
  return url
}

function parse(text: string): URL | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme !== undefined) {
    if (!['ws', 'wss', 'http', 'https'].includes(scheme))
      throw new Error(`must be a ws, wss, http or https URL, not ${JSON.stringify(text)}`)
    return urlOf(text.replace(/^http/i, 'ws'))
  }
  // A bare IPv6 address needs its brackets in a URL.
  const named = /^[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:.]*$/i.test(text) ? `[${text}]` : text
  const url = urlOf(`wss://${named}`)
  // Read again rather than changed: a URL forgets a port that is the default of its first scheme.
  return url !== undefined && LOOPBACK.test(url.hostname) ? urlOf(`ws://${named}`) : url
}

function urlOf(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
