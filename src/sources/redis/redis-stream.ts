import { Observable } from 'rxjs'
import type { FirehoseEvent } from '../../events.js'
import { redisCommands } from '../../redis-client/commands.js'
import { type RedisStreamConfig, streamOptions } from './config.js'
import { Consumer } from './consumer.js'

/**
 * Reads a Redis stream through a consumer group, in any number of processes: each entry goes to one
 * of them, and is acked when its delivery is done.
 *
 * **Cold**: each subscription is a consumer, with a connection of its own for reads that block.
 * **Order**: that of the stream, within one process. With `partitions`, each is read by one process
 * at a time, so that order for each DID holds over all of them, given
 * `orderBy: (event) => event.did` on what works on them, unless one is stopped for longer than
 * `leaseMs` and goes on then; without, the processes of a group share the entries as they come. An
 * entry whose work failed comes again behind others. **Loss**: none: an entry whose delivery fails
 * comes again up to `maxDeliveries`, then goes to the dead letters, as does one that cannot be
 * read. What a process had when it died, another takes over; it may then be handled twice. Entries
 * that were trimmed before they were read are a gap. **Resume**: the group knows. First comes what
 * this consumer had, then what nobody has. **Completion**: never by itself. **Errors**:
 * {@link ConfigError} is thrown at the call. The stream errors with `RedisRefusedError` (a wrong
 * type, no permission, no password, a client that is closed). A Redis that hangs, restarts, loads
 * or is read-only is waited for, which `metrics$` shows. **Unsubscription**: reads no more, gives
 * back what was not delivered, and acks what ends after it.
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
