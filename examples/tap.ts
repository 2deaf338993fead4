/**
 * Indexes what a Tap sends, in order for each repository, and acks what is indexed. An event that
 * always fails is taken by the dead letter, so that its repository goes on. Reads
 * `--host <host:port>`, with TAP_ADMIN_PASSWORD, or a Tap on this machine that plays generated
 * events.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { fromEvent, merge, takeUntil, timer } from 'rxjs'
import {
  ingest,
  streamMetrics,
  type TapEvent,
  type TapRecordEvent,
  tap$,
  tapAdmin,
} from 'rxjs-atproto'
import { fakeTap } from 'rxjs-atproto/testing'

const { values } = parseArgs({ options: { host: { type: 'string' } } })
const server =
  values.host === undefined
    ? await fakeTap({ events: 2000, generate: { dids: 100, live: 0.5 } })
    : undefined
const tap = { host: values.host ?? server?.url, adminPassword: process.env.TAP_ADMIN_PASSWORD }

await tapAdmin(tap).addRepos(['did:plc:ewvi7nxzyoun6zhxrhs64oiz'])

const index = new Map<string, TapRecordEvent>()
const letters: number[] = []

async function write(event: TapRecordEvent): Promise<void> {
  await pause(1)
  if (event.id === 100) throw new Error('a row that no database takes')
  const uri = `at://${event.did}/${event.collection}/${event.rkey}`
  if (event.action === 'delete') index.delete(uri)
  else index.set(uri, event)
}

const metrics$ = streamMetrics()
const stop$ = merge(fromEvent(process, 'SIGTERM'), fromEvent(process, 'SIGINT'), timer(2000))

tap$({ ...tap, metrics$ })
  .pipe(
    takeUntil(stop$),
    ingest(
      {
        'app.bsky.*': write,
        identity: ({ did, status }) => (status === 'deleted' ? forget(did) : undefined),
        '*': () => {},
      },
      {
        concurrency: 32,
        orderBy: (event: TapEvent) => event.did,
        attempts: 2,
        backoff: { initialDelayMs: 10 },
        onDeadLetter: ({ id }) => void letters.push(id),
        drainMs: 5000,
      },
    ),
  )
  .subscribe({
    complete: async () => {
      const { delivered, done, failed, open } = metrics$.value
      console.log({ delivered, done, failed, open, rows: index.size, letters })
      console.log({ notAcked: (await tapAdmin(tap).stats()).outboxBuffer })
      await server?.close()
    },
  })

/** A deleted account is one event; its records are ours to delete. */
function forget(did: string): void {
  for (const uri of index.keys()) if (uri.startsWith(`at://${did}/`)) index.delete(uri)
}
