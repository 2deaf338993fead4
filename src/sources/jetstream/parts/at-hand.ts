import { atHand } from '../../../internal/part.js'
import { archiveOrSocket } from '../archive/archive-or-socket.js'
import { overConnections } from '../connections.js'
import { v1 } from '../v1.js'

/** To read over several connections. */
export const connections = atHand({ overConnections })

/** To read the archive and the socket as one stream. */
export const archive = atHand({ archiveOrSocket })

/** To speak wire v1. */
export const wireV1 = atHand({ v1 })
