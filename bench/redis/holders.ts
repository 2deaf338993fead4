import { createClient } from '@redis/client'
import { bufferCount, mergeMap, tap } from 'rxjs'
import { type JetstreamEvent, jetstream$ } from 'rxjs-atproto'
import { toRedisStream } from 'rxjs-atproto/redis'

/** What a holder says of the events. */
interface HoldTally {
  received(): void
  written(count: number): void
}

/** Writes to Redis what a Jetstream sends. */
type Start = (url: string, redisUrl: string, tally: HoldTally) => Promise<void>

export const BOUNDED = 'toRedisStream'
export const CONTROL = 'mergeMap over pipelines, no bound'
export const HELD = 'held'

const SIZE = 500
// Much shorter than Redis is stopped, so that a pause ends the connection, and resumes by cursor.
const PAUSE_CLOSE_MS = 1000

const connected = (url: string) =>
  createClient({ url })
    .on('error', () => {})
    .connect()

const eventsOf = (host: string, received: () => void) =>
  jetstream$({ host, wire: 'v1', compress: false, pauseCloseMs: PAUSE_CLOSE_MS }).pipe(
    tap(received),
  )

export const HOLDERS: Readonly<Record<string, Start>> = {
  async [BOUNDED](url, redisUrl, { received, written }) {
    const client = await connected(redisUrl)
    eventsOf(url, received)
      .pipe(
        toRedisStream<JetstreamEvent>({
          client,
          stream: HELD,
          highWaterMark: Number.POSITIVE_INFINITY,
        }),
      )
      .subscribe(() => written(1))
  },

  /** What one writes first: it waits for Redis as well, and keeps all that comes meanwhile. */
  async [CONTROL](url, redisUrl, { received, written }) {
    const client = await connected(redisUrl)
    const write = async (events: readonly JetstreamEvent[]) => {
      const pipeline = client.multi()
      for (const event of events)
        pipeline.addCommand([
          'XADD',
          `${HELD} without a bound`,
          '*',
          'event',
          JSON.stringify(event),
        ])
      await pipeline.execAsPipeline()
      return events.length
    }
    eventsOf(url, received)
      .pipe(
        bufferCount(SIZE),
        mergeMap((events) => write(events), 1),
      )
      .subscribe(written)
  },
}
