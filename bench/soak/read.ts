import { type JetstreamEvent, jetstream$, memoryCursorStore, rawText } from 'rxjs-atproto'
import { answer, taskOf } from '../tools/child.js'

export interface Soak {
  readonly url: string
  readonly events: number
  readonly decode: 'eager' | 'lazy'
  /** How many of the events to keep for ever. */
  readonly kept: number
}

export interface Soaked {
  readonly received: number
  /** The resident set at equal distances. */
  readonly rss: readonly number[]
}

const SAMPLES = 40

const { url, events, decode, kept } = taskOf<Soak>()
const keepEach = kept === 0 ? Number.POSITIVE_INFINITY : Math.floor(events / kept)
const sampleEach = Math.floor(events / SAMPLES)
const leak: JetstreamEvent[] = []
const rss: number[] = []
let received = 0
let characters = 0

jetstream$({ host: url, wire: 'v1', decode, checkpoint: memoryCursorStore() }).subscribe(
  (event) => {
    received += 1
    characters += rawText(event)?.length ?? 0
    if (received % 10 === 0 && event.kind === 'commit' && event.commit.record !== undefined)
      characters += 1
    if (received % keepEach === 0) leak.push(event)
    if (received % sampleEach === 0) rss.push(process.memoryUsage.rss())
    if (received === events)
      answer({ received: characters > 0 ? received : 0, rss } satisfies Soaked)
  },
)
