import type { Agent, ClientRequest } from 'node:http'
import type { createConnection, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls'
import {
  type EnvProxy,
  nameOf,
  nameOfAgents,
  type ProxyName,
  proxyAnswers,
  proxyFor,
} from '../http/node-proxies.js'
import { openTunnel } from '../http/node-tunnel.js'
import type { HttpAgent } from '../options/agent.js'
import type { Intake } from './node-intake.js'
import { serverName } from './node-server-name.js'

/** How a socket reaches its server. */
export interface SocketRoute {
  /** Those of `ws` for it. */
  readonly options: { readonly agent: Agent } | { readonly createConnection: Connect }
  readonly proxy: ProxyName | undefined
  /** The request of the handshake is made. */
  requested(request: ClientRequest): void
  /** Whether an answer to it is that of a proxy. */
  isOfProxy(status: number): boolean
  /** Ends what `ws` does not know of: a tunnel that is not open yet. */
  abandon(): void
}

type Connect = typeof createConnection

/**
 * Through the agent, the proxy that the environment names, or neither. Only without both is the
 * socket ours, and read into one buffer; another's is read as a stream.
 */
export function routeFor(url: URL, agent: HttpAgent | undefined, intake: Intake): SocketRoute {
  if (agent !== undefined) return routeOf({ agent: agent as unknown as Agent }, nameOfAgents(agent))
  const proxy = proxyFor(url)
  if (proxy === undefined) return routeOf({ createConnection: intake.connect }, undefined)
  const given = new AbortController()
  const createConnection = tunnelled(url, proxy, given.signal)
  return { ...routeOf({ createConnection }, nameOf(proxy)), abandon: () => given.abort() }
}

function routeOf(options: SocketRoute['options'], proxy: ProxyName | undefined): SocketRoute {
  let isOfProxy = (_status: number): boolean => false
  return {
    options,
    proxy,
    requested: (request) => {
      isOfProxy = proxyAnswers(request)
    },
    isOfProxy: (status) => isOfProxy(status),
    abandon: () => {},
  }
}

type Created = (error: Error | null, stream?: Duplex) => void

/** RFC 6455 section 4.1: a tunnel without TLS too, since a proxy keeps an `Upgrade` to itself. */
function tunnelled(url: URL, proxy: EnvProxy, signal: AbortSignal): Connect {
  const connect = (options: ConnectionOptions, created: Created): undefined => {
    const { host = '', port = 0 } = options
    openTunnel(proxy, { host, port }, signal).then(
      (socket) => created(null, url.protocol === 'wss:' ? secured(socket, options) : socket),
      created,
    )
  }
  return connect as unknown as Connect
}

const secured = (socket: Socket, options: ConnectionOptions): Duplex =>
  tlsConnect({ ...options, path: undefined, socket, servername: serverName(options) } as object)
