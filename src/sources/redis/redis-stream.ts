import { Observable } from 'rxjs'
import type { FirehoseEvent } from '../../events.js'
import { redisCommands } from '../../redis-client/commands.js'
import { type RedisStreamConfig, streamOptions } from './config.js'
import { Consumer } from './consumer.js'

/**
 * Reads a Redis stream through a consumer group, in any number of processes. Each entry is
 * delivered to one of them, and acked when its delivery is done.
 *
 * **Cold**: each subscription is a consumer, with a connection of its own for blocking reads.
 * **Order**: that of the stream, within one process. With `partitions`, one process at a time reads
 * each of them. The order of each DID then holds over all processes, given
 * `orderBy: (event) => event.did` on the work, unless a process is stopped for longer than
 * `leaseMs` and then goes on. Without `partitions`, the processes of a group share the entries. An
 * entry whose work failed is delivered again after later ones. **Loss**: none. An entry whose
 * delivery fails is delivered up to `maxDeliveries` times, then moved to the dead letters, as is
 * one that cannot be read. Another process takes over the entries of one that died; they may be
 * handled twice. Entries that were trimmed before they were read are a gap. **Resume**: the group
 * keeps the position. First come the entries that this consumer had, then new ones.
 * **Completion**: never by itself. **Errors**: {@link ConfigError} is thrown at the call. The
 * stream errors with `RedisRefusedError` (a wrong type, no permission, no password, a closed
 * client). While Redis hangs, restarts, loads or is read-only the stream waits, which `metrics$`
 * shows. **Unsubscription**: stops reading, returns undelivered entries to the group, and acks
 * entries that end later.
 *
 * @example
 * ```ts
 * redisStream$({ client: redis, stream: 'firehose_live', group: 'indexer', consumer: hostname() })
 *   .pipe(ingest({ 'app.bsky.feed.*': index }, { orderBy: (event) => event.did, concurrency: 64 }))
 *   .subscribe()
 * ```
 */
export function redisStream$<Event = FirehoseEvent>(config: RedisStreamConfig): Observable<Event> {
  const options = streamOptions(config)
  const { client } = config
  return new Observable<Event>((subscriber) =>
    new Consumer(redisCommands(client), options, subscriber).start(),
  )
}
