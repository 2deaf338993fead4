import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A proxy that ends a connection in the midst of what its client says. */
export interface CuttingProxy extends AsyncDisposable {
  readonly url: string
  /** How many connections it has cut. */
  readonly cuts: number
  /** Passes on so many bytes more from clients, then resets the connection. */
  cutAfter(bytes: number): void
}

export async function cuttingProxy(target: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>()
  let [left, cuts] = [Number.POSITIVE_INFINITY, 0]
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => {}))
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    upstream.pipe(client)
    client.on('data', (bytes: Buffer) => {
      if (bytes.length <= left) {
        left -= bytes.length
        upstream.write(bytes)
        return
      }
      // What was passed on arrives, as it does where a cable is cut behind it.
      upstream.end(bytes.subarray(0, left))
      left = Number.POSITIVE_INFINITY
      cuts += 1
      client.destroy()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts
    },
    cutAfter(bytes) {
      left = bytes
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
