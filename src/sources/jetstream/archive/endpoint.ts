import type { LiveOptions } from '../../../live/config.js'
import { hostUrl } from '../../../options/host-url.js'
import { V2_PATH } from '../v2.js'
import type { RequestOptions } from './requests.js'

/** The socket's endpoint, which names the positions. */
export function endpointOf(name: string): string {
  const url = hostUrl(name)
  if (url.pathname === '/') url.pathname = V2_PATH
  return url.href
}

/** How the archive of an endpoint is asked. */
export function requestOptionsOf(
  endpoint: string,
  key: string | undefined,
  { agent: through, headers: sent, idleTimeoutMs: idle, reconnect: retries }: LiveOptions,
): RequestOptions {
  const { origin } = new URL(endpoint.replace(/^ws/, 'http'))
  return {
    host: origin,
    apiKey: key,
    agent: through,
    headers: sent,
    idleTimeoutMs: idle,
    reconnect: retries,
  }
}
