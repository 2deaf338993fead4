import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'

/** RFC 6066 section 3: an IP address is no server name. */
export const serverName = ({ servername, host = '' }: ConnectionOptions): string =>
  servername ?? (isIP(host) === 0 ? host : '')
