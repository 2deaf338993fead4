import { once } from 'node:events'
import { createServer } from 'node:net'

/** A port that no other spec, bench or soak run takes until it is disposed, listening or not. */
export interface HeldPort extends AsyncDisposable {
  readonly port: number
}

// Below the ports that Linux (32768) and macOS (49152) assign for port 0 and outgoing connections.
// Otherwise a server that is stopped and started again could find its port taken.
const FIRST = 12_000
const PAIRS = 10_000

/**
 * Holds a port on the loopback address. The lock is the port above it, on which this process
 * listens: two processes cannot have it at once, and the system frees it when the process ends.
 * Another program may still listen on the port itself.
 */
export async function holdPort(): Promise<HeldPort> {
  for (;;) {
    const port = FIRST + 2 * Math.floor(Math.random() * PAIRS)
    const lock = createServer()
      .listen(port + 1, '127.0.0.1')
      .unref()
    const isHeld = await once(lock, 'listening').then(
      () => true,
      () => false,
    )
    if (!isHeld) continue
    return {
      port,
      async [Symbol.asyncDispose]() {
        lock.close()
        await once(lock, 'close')
      },
    }
  }
}
