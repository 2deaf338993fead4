import type { Socket } from 'node:net'

/**
 * Sends an RST now. Node's own `resetAndDestroy` ends the socket first, so that a FIN goes ahead of
 * the RST and the peer may take it for an orderly end; it does so through `destroySoon`.
 */
export function reset(socket: Socket): void {
  Object.assign(socket, { destroySoon: () => socket.destroy() }).resetAndDestroy()
}
