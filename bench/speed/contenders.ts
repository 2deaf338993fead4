import { JetstreamSubscription } from '@atcute/jetstream'
import { Jetstream } from '@skyware/jetstream'
import { webSocket } from 'rxjs/webSocket'
import {
  ingest,
  type JetstreamChunksConfig,
  type JetstreamEvent,
  jetstream$,
  jetstreamChunks$,
  memoryCursorStore,
} from 'rxjs-atproto'
import WebSocket from 'ws'
import { naive } from './compressed.js'
import type { Contender, Tally } from './contender.js'
import { countFrames } from './count-frames.js'
import { counted, filtered, linesPassedOn, passedOn } from './lazy.js'

const KEYS = ['app.bsky.feed.post', 'app.bsky.feed.like', 'app.bsky.graph.*', '*'] as const
const ingestors = Object.fromEntries(KEYS.map((key) => [key, async () => {}]))

export const FLOOR = 'ws + JSON.parse'
export const PLAIN = 'jetstream$'
export const INGEST = 'jetstream$ + ingest'
export const LAZY = 'jetstream$ lazy: filter, groupBy, 10 % of records touched'
export const RAW = 'jetstream$ lazy: rawText passed on'
export const PASSED_ON = 'jetstream$ raw: rawText passed on'
export const LINES = 'jetstreamChunks$: lines passed on'
export const NAIVE_ZSTD = 'ws + @bokuweb/zstd-wasm + JSON.parse'
export const ZSTD = 'jetstream$ on wire v2, zstd'
export const V2 = 'jetstream$ on wire v2'

/** All of what is stored, plain, on wire v1. */
const all = (host: string, { withheld }: Tally): JetstreamChunksConfig => ({
  host,
  cursor: 'oldest',
  wire: 'v1',
  compress: false,
  rejects: { next: withheld },
})

export const CONTENDERS: Readonly<Record<string, Contender>> = {
  'frames counted only': ({ v1 }, { delivered }) => countFrames(`${v1}?cursor=1`, delivered),

  [FLOOR]({ v1 }, { delivered }) {
    new WebSocket(`${v1}?cursor=1`, { perMessageDeflate: false }).on('message', (data) => {
      JSON.parse(String(data))
      delivered()
    })
  },

  'rxjs webSocket'({ v1 }, { delivered }) {
    webSocket({ url: `${v1}?cursor=1`, WebSocketCtor: WebSocket as never }).subscribe(delivered)
  },

  '@skyware/jetstream'({ v1 }, { delivered, withheld }) {
    const client = new Jetstream({ endpoint: v1, cursor: 1, ws: WebSocket })
    client.on('commit', delivered)
    client.on('identity', delivered)
    client.on('account', delivered)
    client.on('error', withheld)
    client.start()
  },

  async '@atcute/jetstream'({ v1 }, { delivered, withheld }) {
    const events = new JetstreamSubscription({
      url: v1,
      cursor: 1,
      ws: { WebSocket },
      onError: withheld,
    })
    for await (const _ of events) delivered()
  },

  [PLAIN]({ v1 }, tally) {
    jetstream$(all(v1, tally)).subscribe(tally.delivered)
  },

  [INGEST]({ v1 }, tally) {
    jetstream$({ ...all(v1, tally), checkpoint: memoryCursorStore() })
      .pipe(ingest(ingestors))
      .subscribe(tally.delivered)
  },

  [`${INGEST}, 16 at once by DID`]({ v1 }, tally) {
    jetstream$({ ...all(v1, tally), checkpoint: memoryCursorStore() })
      .pipe(ingest(ingestors, { concurrency: 16, orderBy: (event: JetstreamEvent) => event.did }))
      .subscribe(tally.delivered)
  },

  [LAZY]({ v1 }, tally) {
    filtered(jetstream$({ ...all(v1, tally), decode: 'lazy' }), tally)
  },

  [RAW]({ v1 }, tally) {
    passedOn(jetstream$({ ...all(v1, tally), decode: 'lazy' }), tally)
  },

  [PASSED_ON]({ v1 }, tally) {
    passedOn(jetstream$({ ...all(v1, tally), decode: 'raw' }), tally)
  },

  'jetstream$ raw: filter, groupBy, 10 % of records touched'({ v1 }, tally) {
    filtered(jetstream$({ ...all(v1, tally), decode: 'raw' }), tally)
  },

  [LINES]({ v1 }, tally) {
    linesPassedOn(jetstreamChunks$(all(v1, tally)), tally)
  },

  'jetstreamChunks$: counted by collection'({ v1 }, tally) {
    counted(jetstreamChunks$(all(v1, tally)), tally)
  },

  [V2]({ v2 }, tally) {
    jetstream$({ ...all(v2, tally), wire: 'v2' }).subscribe(tally.delivered)
  },

  [`${V2}, lazy: rawText passed on`]({ v2 }, tally) {
    passedOn(jetstream$({ ...all(v2, tally), wire: 'v2', decode: 'lazy' }), tally)
  },

  [NAIVE_ZSTD]: naive,

  [ZSTD]({ v2 }, tally) {
    jetstream$({ ...all(v2, tally), wire: 'v2', compress: true }).subscribe(tally.delivered)
  },

  [`${ZSTD}, lazy`]({ v2 }, tally) {
    jetstream$({ ...all(v2, tally), wire: 'v2', compress: true, decode: 'lazy' }).subscribe(
      tally.delivered,
    )
  },
}
