import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import { type OperatorFunction, Subject } from 'rxjs'
import type { FirehoseEvent } from 'rxjs-atproto'
import { type RedisClient, toRedisStream } from 'rxjs-atproto/redis'

export type Client = '@redis/client' | 'ioredis'
export type Format = 'json' | 'rsky'
export type Ids = 'position' | 'redis'

/** One way to write: a bare loop, where `ids` is absent. */
export interface Way {
  readonly client: Client
  readonly format: Format
  readonly ids?: Ids
}

export const STREAM = 'written'
const SIZE = 500

const CLIENTS: readonly Client[] = ['@redis/client', 'ioredis']
const FORMATS: readonly Format[] = ['json', 'rsky']

export const WAYS: readonly Way[] = CLIENTS.flatMap((client) =>
  FORMATS.flatMap((format): Way[] => [
    { client, format },
    { client, format, ids: 'position' },
    { client, format, ids: 'redis' },
  ]),
)

export const nameOf = ({ client, format, ids }: Way): string =>
  `${client}, ${format}: ${ids === undefined ? 'bare loop' : `toRedisStream, ids: '${ids}'`}`

/** Writes all events; `wrote` is told each batch. */
export async function write(
  way: Way,
  url: string,
  events: Iterator<FirehoseEvent>,
  wrote: (count: number) => void,
): Promise<void> {
  if (way.ids !== undefined) writeOurs(way, way.ids, await connect(way.client, url), events, wrote)
  else if (way.client === 'ioredis')
    await writeWithIoRedis(new Redis(url), way.format, events, wrote)
  else await writeWithNodeRedis(url, way.format, events, wrote)
}

const connect = async (client: Client, url: string): Promise<RedisClient> =>
  client === 'ioredis' ? new Redis(url) : createClient({ url }).connect()

let position = 0
/** Each event is asked for once, in order. */
const nextPosition = (): number => ++position

// --- Ours ---

// So much waits for its batch at most: enough to have the next one ready.
const MOST_WAITING = 4 * SIZE
// What one read of a socket brings: 64 KiB.
const EVENTS_A_TURN = 128

function writeOurs(
  { format }: Way,
  ids: Ids,
  client: RedisClient,
  events: Iterator<FirehoseEvent>,
  wrote: (count: number) => void,
): void {
  const place = () => ({ position: nextPosition() })
  feed(
    events,
    toRedisStream<FirehoseEvent>({
      client,
      stream: STREAM,
      ids,
      format,
      id: place,
      highWaterMark: Number.POSITIVE_INFINITY,
    }),
    wrote,
  )
}

/** A source that has always more, and brings it as a socket does: some in each turn. */
function feed<T>(
  values: Iterator<T>,
  operator: OperatorFunction<T, T>,
  emitted: (count: number) => void,
): void {
  const source$ = new Subject<T>()
  let waiting = 0
  let isAsked = false
  const ask = () => {
    if (isAsked || waiting >= MOST_WAITING) return
    isAsked = true
    setImmediate(bring)
  }
  const bring = () => {
    for (let i = 0; i < EVENTS_A_TURN; i += 1) {
      const next = values.next()
      if (next.done) {
        source$.complete()
        return
      }
      waiting += 1
      source$.next(next.value)
    }
    isAsked = false
    ask()
  }
  source$.pipe(operator).subscribe(() => {
    waiting -= 1
    emitted(1)
    ask()
  })
  ask()
}

// --- The bare loops: as simply as it goes, the next pipeline when the last one is answered ---

async function writeWithNodeRedis(
  url: string,
  format: Format,
  events: Iterator<FirehoseEvent>,
  wrote: (count: number) => void,
): Promise<void> {
  const client = await createClient({ url }).connect()
  for (let batch = take(events); batch.length > 0; batch = take(events)) {
    const pipeline = client.multi()
    for (const event of batch)
      pipeline.addCommand(['XADD', STREAM, `${nextPosition()}-0`, 'event', textOf(event, format)])
    await pipeline.execAsPipeline()
    wrote(batch.length)
  }
}

async function writeWithIoRedis(
  client: Redis,
  format: Format,
  events: Iterator<FirehoseEvent>,
  wrote: (count: number) => void,
): Promise<void> {
  for (let batch = take(events); batch.length > 0; batch = take(events)) {
    await client
      .pipeline(
        batch.map((event) => [
          'xadd',
          STREAM,
          `${nextPosition()}-0`,
          'event',
          textOf(event, format),
        ]),
      )
      .exec()
    wrote(batch.length)
  }
}

function take(events: Iterator<FirehoseEvent>): readonly FirehoseEvent[] {
  const batch: FirehoseEvent[] = []
  while (batch.length < SIZE) {
    const next = events.next()
    if (next.done) break
    batch.push(next.value)
  }
  return batch
}

function textOf(event: FirehoseEvent, format: Format): string {
  if (format === 'json' || event.kind !== 'commit') return JSON.stringify(event)
  const { operation, commit, rev, collection, rkey } = event.commit
  const head = {
    type: operation,
    seq: event.cursor,
    time: event.time,
    did: event.did,
    commit,
    rev,
    collection,
    rkey,
  }
  return JSON.stringify(
    event.commit.operation === 'delete'
      ? head
      : { ...head, cid: event.commit.cid, record: event.commit.record },
  )
}
