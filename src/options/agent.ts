import * as z from '#schema'
import type { Issues } from './issues.js'

/**
 * An `http.Agent` or `https.Agent` of Node, or one of a library, such as `HttpsProxyAgent` of
 * `https-proxy-agent`. Written by its members, so that no types of Node are needed in a browser.
 */
export interface HttpAgent {
  readonly maxSockets: number
  readonly requests: object
  destroy(): void
}

const hasMethod = (value: unknown, name: string): boolean =>
  typeof Reflect.get(value as object, name) === 'function'

/** Node calls `addRequest` of every agent. A dispatcher of undici, for `fetch`, has none. */
const isAgent = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  hasMethod(value, 'addRequest') &&
  hasMethod(value, 'destroy')

export const agent = z.custom(
  isAgent,
  'must be an `http.Agent` of Node, such as `https-proxy-agent` gives; a dispatcher is none',
)

/** For platforms that open their connections themselves, and would go around an agent. */
export const noAgent = z.custom(() => false, 'has no use on this platform; leave it out')

/**
 * The one scheme that an agent can speak, `http:` or `https:`. Agents of Node have it as a property
 * of their own; those of `agent-base` take either, and ask at each request.
 */
export function schemeOf(agent: HttpAgent): string | undefined {
  const scheme: unknown = Object.getOwnPropertyDescriptor(agent, 'protocol')?.value
  return typeof scheme === 'string' ? scheme : undefined
}

/** Adds the mistake of an agent that cannot reach one of the hosts. */
export function checkAgent(
  agent: HttpAgent | undefined,
  hosts: readonly string[],
  issues: Issues,
): void {
  if (agent === undefined || issues.concern('agent', 'host')) return
  const scheme = schemeOf(agent)
  const other = hosts.find((host) => scheme !== undefined && secureOf(host) !== secureOf(scheme))
  if (other === undefined) return
  const needed = secureOf(other) ? 'https' : 'http'
  issues.add('agent', `cannot reach ${other}: use an \`Agent\` of \`node:${needed}\``)
}

const secureOf = (url: string): boolean => /^(wss|https):/.test(url)
