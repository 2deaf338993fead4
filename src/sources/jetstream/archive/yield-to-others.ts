/**
 * Resolves in a task of its own: timers and sockets get their turn, which a promise alone does not
 * give them. A timer of 0 ms waits at least one.
 */
export const yieldToOthers: () => Promise<void> =
  typeof setImmediate === 'function'
    ? () =>
        new Promise((resolve) => {
          setImmediate(resolve)
        })
    : () =>
        new Promise((resolve) => {
          const { port1, port2 } = new MessageChannel()
          port1.onmessage = () => {
            port1.close()
            resolve()
          }
          port2.postMessage(undefined)
        })
