import { createClient } from '@redis/client'
import type { FirehoseEvent } from 'rxjs-atproto'
import { redisStream$ } from 'rxjs-atproto/redis'

/** One of the processes that read a stream. */
export interface Reading {
  readonly url: string
  readonly stream: string
  /** `undefined`: one stream, which the processes share. */
  readonly partitions: number | undefined
  /** Which of the processes this is, and how many they are. */
  readonly process: number
  readonly processes: number
  readonly isBare: boolean
}

export const GROUP = 'readers'
// Redis tells of a process that joins at a third of this.
const LEASE_MS = 9000
// The batch of both.
const SIZE = 500
const BLOCK_MS = 1000

/** The keys of a stream and its partitions. */
export const streamsOf = (stream: string, partitions: number | undefined): readonly string[] =>
  partitions === undefined
    ? [stream]
    : Array.from({ length: partitions }, (_, partition) => `${stream}{${partition}}`)

type Received = (event: FirehoseEvent) => void

export async function read(reading: Reading, received: Received): Promise<void> {
  if (reading.isBare) await readBare(reading, received)
  else await readOurs(reading, received)
}

async function readOurs(
  { url, stream, partitions, process }: Reading,
  received: Received,
): Promise<void> {
  const client = await createClient({ url }).connect()
  const consumer = `reader ${process}`
  const options = { group: GROUP, consumer, partitions, leaseMs: LEASE_MS, batchSize: SIZE }
  redisStream$<FirehoseEvent>({ client, stream, ...options }).subscribe(received)
}

/**
 * As simply as it goes: the next read when the last one is acked. Partitions are dealt out
 * beforehand, and have no lease.
 */
async function readBare(
  { url, stream, partitions, process, processes }: Reading,
  received: Received,
): Promise<void> {
  const client = await createClient({ url }).connect()
  const own = streamsOf(stream, partitions).filter(
    (_, index) => partitions === undefined || index % processes === process,
  )
  for (const key of own)
    await client.xGroupCreate(key, GROUP, '0', { MKSTREAM: true }).catch(() => {})
  const streams = own.map((key) => ({ key, id: '>' }))
  for (;;) {
    const options = { COUNT: SIZE, BLOCK: BLOCK_MS }
    const replies = await client.xReadGroup(GROUP, `reader ${process}`, streams, options)
    for (const { name, messages } of (replies ?? []) as readonly BareReply[]) {
      for (const { message } of messages) received(JSON.parse(message.event ?? '') as FirehoseEvent)
      await client.xAck(
        name,
        GROUP,
        messages.map(({ id }) => id),
      )
    }
  }
}

interface BareReply {
  readonly name: string
  readonly messages: readonly {
    readonly id: string
    readonly message: Readonly<Record<string, string>>
  }[]
}
