import type { ClientRequest } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { env, execArgv } from 'node:process'
import { ProxyError } from '../errors.js'
import type { HttpAgent } from '../options/agent.js'

/** A proxy that the environment names. */
export interface EnvProxy {
  readonly url: URL
  /** The variable that names it. */
  readonly variable: string
}

/**
 * The proxy for a URL, by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, if `NODE_USE_ENV_PROXY=1`
 * says that they count. Node 24 obeys them in `fetch` and in its own agents, other versions not at
 * all, and none in a socket of `ws`: so we do it ourselves, in the same way on every version.
 */
export function proxyFor(
  target: URL,
  variables: NodeJS.ProcessEnv = env,
  flags: readonly string[] = execArgv,
): EnvProxy | undefined {
  if (variables.NODE_USE_ENV_PROXY !== '1' && !flags.includes('--use-env-proxy')) return undefined
  const isSecure = /^(https|wss):$/.test(target.protocol)
  // The convention of curl, and Node's: the name in lower case counts first.
  const names = isSecure ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy', 'HTTP_PROXY']
  const variable = names.find((name) => variables[name])
  if (variable === undefined) return undefined
  const { hostname, port } = target
  const excluded = variables.no_proxy || variables.NO_PROXY || ''
  if (isExcluded(hostname, port || (isSecure ? '443' : '80'), excluded)) return undefined
  return { url: proxyUrl(variables[variable] ?? '', variable), variable }
}

/** Throws without the value, which may hold a password. */
function proxyUrl(value: string, variable: string): URL {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new ProxyError(
      `\`${variable}\` must be an http or https URL, such as http://proxy.example:3128; ` +
        'for another kind of proxy use `agent`',
      { proxy: variable, isFatal: true },
    )
  return url
}

/** How messages name a proxy: without its user name and password. */
export interface ProxyName {
  readonly text: string
  readonly origin: string | undefined
}

export const nameOf = ({ url, variable }: EnvProxy): ProxyName => ({
  text: `the proxy ${url.origin} (${variable})`,
  origin: url.origin,
})

/** The proxy of an agent, if the agent says which one it has. */
export function nameOfAgents(agent: HttpAgent): ProxyName {
  const url = (agent as { readonly proxy?: unknown }).proxy
  const origin = url instanceof URL ? url.origin : undefined
  return { text: `the proxy ${origin === undefined ? 'of' : `${origin} of`} \`agent\``, origin }
}

/** The header that carries the name and password of a proxy's URL. */
export function proxyAuthorization({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {}
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(text).toString('base64')}` }
}

/**
 * Whether an answer is that of a proxy. RFC 9110 section 15.5.8: a 407 always is. An agent of
 * `https-proxy-agent` answers a request with what its proxy said, and emits that first.
 */
export function proxyAnswers(request: ClientRequest): (status: number) => boolean {
  let refused = false
  // Twice where the agent knows a password for a 407: the second answer counts.
  request.on('proxyConnect', ({ statusCode }: { readonly statusCode?: number }) => {
    refused = statusCode !== 200
  })
  return (status) => refused || status === 407
}

// --- NO_PROXY: the forms that Node documents, and networks, as curl and Go have them ---

function isExcluded(hostname: string, port: string, list: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && matches(entry, host, port))
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  const [, name = entry, entryPort] = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(entry) ?? []
  if (entryPort !== undefined && entryPort !== port) return false
  const bare = name.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0) return isAddressIn(host, bare)
  const suffix = bare.replace(/^\*?\./, '')
  return host === suffix || (suffix !== bare && host.endsWith(`.${suffix}`))
}

/** An address, `10.0.0.1-10.0.0.9`, or `10.0.0.0/8`. */
function isAddressIn(address: string, entry: string): boolean {
  const [first = '', last = first] = entry.split('-')
  const [network = '', bits] = entry.split('/')
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  const block = new BlockList()
  try {
    if (bits === undefined) block.addRange(first, last, family)
    else block.addSubnet(network, Number(bits), family)
  } catch {
    // A name, or an address of the other family.
    return false
  }
  return block.check(address, family)
}
