import WebSocket from 'ws'

/** What a contender says. */
export interface Witness {
  received(event: object): void
  /** A loss that the library reported by itself: how many events. */
  reported(count: number): void
  /** It will not go on. */
  ended(): void
}

/** Reads what comes from the first of the hosts that is alive. */
export type Survivor = (hosts: readonly [string, ...string[]], witness: Witness) => unknown

// Each has its own limits of patience, in seconds, where it has any; none is what a program would
// write, so that a run is short.
const SOON_MS = 2000
const reconnect = { initialDelayMs: 500, maxDelayMs: 2000 }
const patience = {
  reconnect,
  idleTimeoutMs: SOON_MS,
  silentTimeoutMs: SOON_MS,
  log: false,
} as const

/** Ours first. */
export const JETSTREAMS: Readonly<Record<string, Survivor>> = {
  async jetstream$(host, { received, reported, ended }) {
    const { jetstream$ } = await import('rxjs-atproto')
    const gaps = { next: ({ count = 1 }) => reported(count) }
    jetstream$({ host, gaps, ...patience }).subscribe({ next: received, error: ended })
  },

  // It takes one host.
  async '@skyware/jetstream'([endpoint], { received }) {
    const { Jetstream } = await import('@skyware/jetstream')
    const client = new Jetstream({ endpoint, ws: WebSocket })
    client.on('commit', received)
    client.on('error', () => {})
    client.start()
  },

  async '@atcute/jetstream'(url, { received, ended }) {
    const { JetstreamSubscription } = await import('@atcute/jetstream')
    const events = new JetstreamSubscription({ url: [...url], ws: { WebSocket } })
    for await (const event of events) received(event)
    ended()
  },

  // It knows no cursor: this is how a program adds one.
  async '@atproto/ws-client'([host], { received, ended }) {
    const { WebSocketKeepAlive } = await import('@atproto/ws-client')
    let cursor: number | undefined
    const getUrl = async () => (cursor === undefined ? host : `${host}?cursor=${cursor}`)
    const frames = new WebSocketKeepAlive({
      getUrl,
      heartbeatIntervalMs: SOON_MS / 2,
      maxReconnectSeconds: 2,
    })
    for await (const frame of frames) {
      const event = JSON.parse(String(frame)) as { readonly time_us: number }
      cursor = event.time_us
      received(event)
    }
    ended()
  },
}

/** Ours first. */
export const TAPS: Readonly<Record<string, Survivor>> = {
  async tap$([host], { received, ended }) {
    const { boundedMergeMap, tap$ } = await import('rxjs-atproto')
    tap$({ host, ...patience })
      .pipe(boundedMergeMap(async (event) => received(event), { capacity: 100 }))
      .subscribe({ error: ended })
  },

  async '@atproto/tap'([host], { received, ended }) {
    const { Tap } = await import('@atproto/tap')
    const channel = new Tap(host.replace('ws:', 'http:')).channel(
      {
        async onEvent(event, { ack }) {
          received(event)
          await ack()
        },
        onError: () => {},
      },
      { heartbeatIntervalMs: SOON_MS / 2, maxReconnectSeconds: 2 },
    )
    await channel.start()
    ended()
  },
}
