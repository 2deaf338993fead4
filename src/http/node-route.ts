import { type ClientRequest, Agent as HttpAgentOfNode, request as requestHttp } from 'node:http'
import { Agent as HttpsAgentOfNode, request as requestHttps } from 'node:https'
import type { Duplex } from 'node:stream'
import { type HttpAgent, schemeOf } from '../options/agent.js'
import {
  type EnvProxy,
  nameOf,
  nameOfAgents,
  type ProxyName,
  proxyAuthorization,
  proxyFor,
} from './node-proxies.js'
import { openTunnel, proxyFailure, refusalIn } from './node-tunnel.js'

interface Sent {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  /** Ends a tunnel that is not open yet: Node does not know of it. */
  readonly signal: AbortSignal
}

/** How a request reaches its server. */
export interface Route {
  /** `undefined` where no proxy is known to be in between. */
  readonly proxy: ProxyName | undefined
  open(sent: Sent): ClientRequest
  /** The error of a request that brought no answer. */
  failureOf(error: Error): Error
}

interface Pools {
  readonly http: HttpAgentOfNode
  readonly https: HttpAgentOfNode
}

// Many servers close an idle connection after 5 s: it must not be taken at that moment, so it is
// kept for a shorter time, as `fetch` does. Node's global agents are not used, since they may have
// a proxy of their own.
const POOL = { keepAlive: true, scheduling: 'lifo', timeout: 4000 } as const
const pools: Pools = { http: new HttpAgentOfNode(POOL), https: new HttpsAgentOfNode(POOL) }

/** Through the agent, the proxy that the environment names, or neither. */
export function routeTo(url: URL, agent: HttpAgent | undefined): Route {
  if (agent !== undefined) return routeOf(url, agent)
  const proxy = proxyFor(url)
  if (proxy === undefined) return direct(url, pools)
  return url.protocol === 'https:' ? tunnelled(url, proxy) : forwarded(url, proxy)
}

function routeOf(url: URL, agent: HttpAgent): Route {
  const scheme = schemeOf(agent)
  // Node's own error does not say which option is meant.
  if (scheme !== undefined && scheme !== url.protocol)
    throw new Error(`\`agent\` is one for ${scheme}, which cannot reach ${url.origin}`)
  const nodes = agent as unknown as HttpAgentOfNode
  const proxy = nameOfAgents(agent)
  return {
    ...direct(url, { http: nodes, https: nodes }),
    proxy,
    failureOf: (error) => refusalIn(error, url, proxy) ?? error,
  }
}

const direct = (
  url: URL,
  { http, https }: Pools,
  path: string = url.pathname + url.search,
): Route => ({
  proxy: undefined,
  open: ({ method, headers, signal }) => {
    const own = { method, headers, path, abandon: signal }
    return url.protocol === 'https:'
      ? requestHttps(url, { ...own, agent: https })
      : requestHttp(url, { ...own, agent: http })
  },
  failureOf: (error) => refusalIn(error, url, undefined) ?? error,
})

/** RFC 9112 section 3.2.2: without TLS the proxy is asked for the whole URL. */
function forwarded(url: URL, proxy: EnvProxy): Route {
  // Node would send a name and a password in a URL as those for the server.
  const { open } = direct(withoutCredentials(proxy.url), pools, url.href)
  const own = { host: url.host, ...proxyAuthorization(proxy.url) }
  return {
    proxy: nameOf(proxy),
    open: (sent) => open({ ...sent, headers: { ...sent.headers, ...own } }),
    failureOf: (error) => proxyFailure(proxy, error),
  }
}

function withoutCredentials(url: URL): URL {
  const bare = new URL(url)
  bare.username = ''
  bare.password = ''
  return bare
}

// By the URL of the proxy: one pool of tunnels for the process, as `fetch` has its connections.
const tunnels = new Map<string, TunnelAgent>()

function tunnelled(url: URL, proxy: EnvProxy): Route {
  const https = tunnels.get(proxy.url.href) ?? new TunnelAgent(proxy)
  tunnels.set(proxy.url.href, https)
  return { ...direct(url, { ...pools, https }), proxy: nameOf(proxy) }
}

/** Node passes on all options of the request. */
interface TunnelOptions {
  readonly host: string
  readonly port: number
  readonly abandon: AbortSignal
}

type Created = (error: Error | null, stream: Duplex) => void

/** TLS to a server, through a tunnel of its own for each connection. */
class TunnelAgent extends HttpsAgentOfNode {
  constructor(private readonly proxy: EnvProxy) {
    super(POOL)
  }

  override createConnection(options: object, created: Created): undefined {
    const { abandon, ...end } = options as TunnelOptions
    openTunnel(this.proxy, end, abandon).then(
      (socket) => created(null, super.createConnection({ ...options, socket } as object) as Duplex),
      (error: Error) => (created as (error: Error) => void)(error),
    )
  }
}
