/**
 * One process of the soak: reads a source, works on what comes, and is killed. Its only witness is
 * its journal.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from '@redis/client'
import type { Observable } from 'rxjs'
import {
  type CursorStore,
  firehose$,
  type JetstreamConfig,
  jetstream$,
  labels$,
  listRepos$,
  tap$,
} from 'rxjs-atproto'
import { fileCursorStore } from 'rxjs-atproto/cursors/file'
import { redisCursorStore, redisStream$, toRedisStream } from 'rxjs-atproto/redis'
import { answer, taskOf } from '../bench/tools/child.js'
import { Dice } from './dice.js'
import { type Death, FileJournal } from './file-journal.js'
import { eventId, labelId, tapId } from './ids.js'
import { type Defect, gapsInto, ingested, merged, type Work, watched } from './work.js'

/** What a reader reads, and how it ends. */
export interface Task {
  readonly source:
    | 'jetstream'
    | 'firehose'
    | 'labels'
    | 'repos'
    | 'tap'
    | 'into redis'
    | 'out of redis'
  /** The server, or for `out of redis` nothing. */
  readonly host: string
  /** The file of the journal. */
  readonly journal: string
  /** The file of the checkpoint. */
  readonly cursors: string
  readonly seed: number
  readonly death?: Death | undefined
  readonly defect?: Defect | undefined
  /** Of a Jetstream. */
  readonly jetstream?: Pick<JetstreamConfig, 'wire' | 'decode' | 'compress' | 'collections'>
  /** Of a listing: what its ids begin with, and how many repos a page has. */
  readonly listing?: { readonly round: number; readonly limit: number }
  readonly redis?: RedisTask
}

export interface RedisTask {
  readonly url: string
  readonly stream: string
  readonly ids: 'position' | 'redis'
  readonly partitions?: number
  readonly consumer: string
}

// So short that some kills meet a save, and so long that not all do.
const SAVE_EVERY_MS = 15
const LEASE_MS = 1500

const task = taskOf<Task>()
const { host, defect } = task
const journal = new FileJournal(task.journal, task.death)
const dice = new Dice(task.seed, 'reader')
const live = {
  host,
  // A lock of a dead process is taken over after each kill.
  log: false as const,
  reconnect: { initialDelayMs: 5, maxDelayMs: 50, random: () => dice.between(0, 999) / 1000 },
  gaps: gapsInto(journal, defect),
}
const work = { journal, dice, pause, defect }
const byDid = <E extends { readonly did: string }>(idOf: (event: E) => string): Work<E> => ({
  ...work,
  idOf,
  laneOf: ({ did }) => did,
})
const saved = (store: CursorStore) => ({
  store: watched(store, journal, defect),
  everyMs: SAVE_EVERY_MS,
})
const inFile = () => saved(fileCursorStore(task.cursors, { log: false }))

const source$ = await opened()
// From here on it is worth a kill.
answer('ready')
source$.subscribe({
  error: (error: unknown) => journal.write('failed', String(error).replaceAll('\n', ' ')),
  complete() {
    journal.write('completed')
    process.exit()
  },
})

async function opened(): Promise<Observable<unknown>> {
  switch (task.source) {
    case 'jetstream':
      return jetstream$({
        ...live,
        ...task.jetstream,
        cursor: 'oldest',
        checkpoint: inFile(),
      }).pipe(ingested(byDid(eventId)))
    case 'firehose':
      return firehose$({ ...live, cursor: 'oldest', checkpoint: inFile() }).pipe(
        ingested(byDid(eventId)),
      )
    case 'labels':
      return labels$({ ...live, cursor: 'oldest', checkpoint: inFile() }).pipe(
        merged({ ...work, idOf: labelId, laneOf: ({ uri }) => uri }),
      )
    case 'repos': {
      const { round = 1, limit = 50 } = task.listing ?? {}
      return listRepos$({ ...live, limit, checkpoint: inFile() }).pipe(
        merged(byDid(({ did }) => `${round} ${did}`)),
      )
    }
    case 'tap': {
      const ack = defect === 'ack-on-receipt' ? 'receipt' : 'done'
      const { gaps: _, ...config } = live
      return tap$({ ...config, ack }).pipe(ingested(byDid(tapId)))
    }
    case 'into redis':
      return intoRedis(redisTask())
    case 'out of redis':
      return outOfRedis(redisTask())
  }
}

function redisTask(): RedisTask {
  if (task.redis === undefined) throw new Error('the task names no Redis')
  return task.redis
}

async function intoRedis({
  url,
  stream,
  ids,
  partitions,
}: RedisTask): Promise<Observable<unknown>> {
  const client = await connected(url)
  const sink = {
    client,
    stream,
    ids,
    size: 20,
    log: live.log,
    maxWaitMs: 5,
    ...(partitions === undefined ? {} : { partitions }),
  }
  return jetstream$({
    ...live,
    wire: 'v2',
    cursor: 'oldest',
    checkpoint: saved(redisCursorStore(client)),
  }).pipe(toRedisStream(sink))
}

async function outOfRedis({
  url,
  stream,
  partitions,
  consumer,
}: RedisTask): Promise<Observable<unknown>> {
  const client = await connected(url)
  // A process that dies is none that fails: what it had comes again without an end.
  const config = {
    leaseMs: LEASE_MS,
    claimIdleMs: LEASE_MS,
    maxDeliveries: 10_000,
    gaps: live.gaps,
  }
  const parts = partitions === undefined ? {} : { partitions }
  return redisStream$({ client, stream, group: 'soak', consumer, ...config, ...parts }).pipe(
    ingested(byDid(eventId)),
  )
}

function connected(url: string) {
  const client = createClient({ url, socket: { reconnectStrategy: 20 } })
  return client.on('error', () => {}).connect()
}
