import type { Socket } from 'node:net'

/**
 * Sends an RST now. Node's `resetAndDestroy` calls `destroySoon`, which ends the socket first: a
 * FIN goes ahead of the RST, and the peer may take it for an orderly end.
 */
export function reset(socket: Socket): void {
  Object.assign(socket, { destroySoon: () => socket.destroy() }).resetAndDestroy()
}
