import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A port that no other helper takes until it is disposed, whether or not a server listens on it.
 */
export interface HeldPort extends AsyncDisposable {
  readonly port: number
}

// Below the ports that Linux (32768) and macOS (49152) give to whoever asks for port 0 or dials
// out: a server that is stopped and started again would else find its port taken.
const FIRST = 12_000
const PAIRS = 10_000

/**
 * Holds a port on the loopback address. The port above it, on which we listen, is the lock: the
 * system frees it with our process, and no two processes have it at once. Ports go in pairs.
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
