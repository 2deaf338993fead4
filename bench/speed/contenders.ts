import { JetstreamSubscription } from '@atcute/jetstream'
import { Jetstream } from '@skyware/jetstream'
import { webSocket } from 'rxjs/webSocket'
import { ingest, type JetstreamEvent, jetstream$, memoryCursorStore } from 'rxjs-atproto'
import WebSocket from 'ws'
import { countFrames } from './count-frames.js'

/** What a contender says of each event that it received. */
export interface Tally {
  delivered(): void
  /** Received, and kept from the program. */
  withheld(): void
}

/** Reads everything that the server holds. */
export type Contender = (url: string, tally: Tally) => void

const KEYS = ['app.bsky.feed.post', 'app.bsky.feed.like', 'app.bsky.graph.*', '*'] as const
const ingestors = Object.fromEntries(KEYS.map((key) => [key, async () => {}]))

export const FLOOR = 'ws + JSON.parse'
export const PLAIN = 'jetstream$'
export const INGEST = 'jetstream$ + ingest'

export const CONTENDERS: Readonly<Record<string, Contender>> = {
  'frames counted only': (url, { delivered }) => countFrames(`${url}?cursor=1`, delivered),

  [FLOOR](url, { delivered }) {
    new WebSocket(`${url}?cursor=1`, { perMessageDeflate: false }).on('message', (data) => {
      JSON.parse(String(data))
      delivered()
    })
  },

  'rxjs webSocket'(url, { delivered }) {
    webSocket({ url: `${url}?cursor=1`, WebSocketCtor: WebSocket as never }).subscribe(delivered)
  },

  '@skyware/jetstream'(url, { delivered, withheld }) {
    const client = new Jetstream({ endpoint: url, cursor: 1, ws: WebSocket })
    client.on('commit', delivered)
    client.on('identity', delivered)
    client.on('account', delivered)
    client.on('error', withheld)
    client.start()
  },

  async '@atcute/jetstream'(url, { delivered, withheld }) {
    const events = new JetstreamSubscription({ url, cursor: 1, ws: { WebSocket }, onError: withheld })
    for await (const _ of events) delivered()
  },

  [PLAIN](url, { delivered, withheld }) {
    jetstream$({ host: url, cursor: 'oldest', wire: 'v1', compress: false, rejects: { next: withheld } }).subscribe(delivered)
  },

  [INGEST](url, { delivered, withheld }) {
    jetstream$({ host: url, cursor: 'oldest', wire: 'v1', compress: false, checkpoint: memoryCursorStore(), rejects: { next: withheld } })
      .pipe(ingest(ingestors))
      .subscribe(delivered)
  },

  [`${INGEST}, 16 at once by DID`](url, { delivered, withheld }) {
    jetstream$({ host: url, cursor: 'oldest', wire: 'v1', compress: false, checkpoint: memoryCursorStore(), rejects: { next: withheld } })
      .pipe(ingest(ingestors, { concurrency: 16, orderBy: (event: JetstreamEvent) => event.did }))
      .subscribe(delivered)
  },
}
