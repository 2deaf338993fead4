import { boundedMergeMap, tap$ } from 'rxjs-atproto'
import WebSocket from 'ws'

/** The same for all: called for each event, it ends when the work on it has ended. */
export type Handler = () => Promise<void>

/** Reads everything that the server sends, and acks what is handled. */
export type TapContender = (url: string, handle: Handler, atOnce: number) => void | Promise<void>

export const FLOOR = 'ws + JSON.parse, acks by hand'
export const PLAIN = 'tap$'
export const AWAITED = '@atproto/tap'
export const NOT_AWAITED = '@atproto/tap, not awaited'

export const CONTENDERS: Readonly<Record<string, TapContender>> = {
  /** As many at once as come: no bound, no order, no reconnect. */
  [FLOOR](url, handle) {
    const ws = new WebSocket(`${url}/channel`, { perMessageDeflate: false })
    ws.on('message', async (data) => {
      const { id } = JSON.parse(String(data)) as { readonly id: number }
      await handle()
      ws.send(JSON.stringify({ type: 'ack', id }))
    })
  },

  [PLAIN](url, handle, atOnce) {
    tap$({ host: url })
      .pipe(
        boundedMergeMap(handle, {
          capacity: atOnce,
          concurrency: atOnce,
          orderBy: ({ did }) => did,
        }),
      )
      .subscribe()
  },

  /** As its own readme does it: the next event is read when the handler is done. */
  async [AWAITED](url, handle) {
    const { Tap } = await import('@atproto/tap')
    await new Tap(url.replace('ws:', 'http:'))
      .channel({
        async onEvent(_event, { ack }) {
          await handle()
          await ack()
        },
        onError: (error) => console.error(error),
      })
      .start()
  },

  /**
   * The way around that: its handler ends at once, and the ack follows. No bound is left then, and
   * no order.
   */
  async [NOT_AWAITED](url, handle) {
    const { Tap } = await import('@atproto/tap')
    await new Tap(url.replace('ws:', 'http:'))
      .channel({
        async onEvent(_event, { ack }) {
          void handle().then(ack)
        },
        onError: (error) => console.error(error),
      })
      .start()
  },
}
