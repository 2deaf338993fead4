import { whenNeeded } from '../../../internal/part.js'

/** For more DIDs than a connection takes, and for `filters$`. */
export const connections = whenNeeded(() => import('../connections.js'))

/** For `archive`. */
export const archive = whenNeeded(() => import('../archive/archive-or-socket.js'))

/** For `wire: 'v1'`, and for a host whose handshake shows no wire v2. */
export const wireV1 = whenNeeded(() => import('../v1.js'))
