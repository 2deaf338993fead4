import { asyncScheduler, defer, from, map, type Observable, of } from 'rxjs'
import { checkpointOptions } from '../../../delivery/checkpoint-options.js'
import type { RecordMap } from '../../../events.js'
import { liveOptions, PUBLIC_SILENT_MS } from '../../../live/config.js'
import { CursorProgress } from '../../../live/cursor-progress.js'
import { live } from '../../../live/live.js'
import { type NamedFilter, namedFilter, withoutDelivered } from '../../../live/named-filter.js'
import type { CursorProtocol } from '../../../live/protocol.js'
import { checkChunksConfig, type JetstreamChunksConfig } from '../config.js'
import type { JetstreamProtocol } from '../decoding.js'
import { isNew, mayBeQuiet } from '../filters.js'
import { keysOf } from '../keys.js'
import { wiresOf } from '../one-connection.js'
import type { JetstreamChunk } from './chunk.js'
import { chunkProtocol } from './chunk-protocol.js'

/**
 * Reads a Jetstream as {@link jetstream$} does, and emits what one read of the socket brought as
 * one value and one delivery. For programs that pass on text, count, or need few of the events:
 * nothing is made of an event that nobody asks for.
 *
 * **Cold**: each subscription opens one connection. **Order**: as the server sends. **Loss**: none
 * that is not reported to `gaps`; with a `checkpoint`, at least once over restarts: a chunk is done
 * as a whole, so that a restart brings all of its events again. **Resume**: as `jetstream$`; the
 * first events of a connection come as chunks of one, since each answers for the cursor. After a
 * failover to another host, the events of some seconds come again. **Unsubscription**,
 * **Completion** and **Errors**: as `jetstream$`.
 *
 * `metrics$` counts events, and `hold()`, `boundedMergeMap` and the like hold chunks.
 *
 * @example
 * ```ts
 * jetstreamChunks$({ collections: ['app.bsky.feed.*'] }).subscribe((chunk) => {
 *   process.stdout.write(chunk.lines)
 *   for (let i = 0; i < chunk.length; i += 1) console.log(chunk.collection(i), chunk.did(i))
 * })
 * ```
 */
export function jetstreamChunks$<Records extends RecordMap = RecordMap>(
  config: JetstreamChunksConfig = {},
): Observable<JetstreamChunk<Records>> {
  const checked = checkChunksConfig(config)
  const { config: plain, hosts, isPublic, start } = checked
  const options = liveOptions(plain, hosts, isPublic ? PUBLIC_SILENT_MS : undefined)
  const checkpoint = checkpointOptions(plain.checkpoint)
  const keys = keysOf(plain, hosts, checkpoint)
  const wires = wiresOf(checked, options)
  const chunks$ = defer(() => {
    const filter = namedFilter(checkpoint, keys, () => plain)
    const positions = {
      start: start(asyncScheduler.now()),
      onCursorRefused: plain.onCursorRefused,
      checkpoint,
      ...keys,
      filter,
      host: hosts[0],
    }
    return live<JetstreamChunk>({
      options,
      protocol: (host) => {
        const made = wires.protocol(host, plain)
        return (made instanceof Promise ? from(made) : of(made)).pipe(
          map((protocol) => protocolOf(protocol, filter)),
        )
      },
      progress: (gaps, context) => new CursorProgress<JetstreamChunk>(positions, gaps, context),
      isQuiet: () => plain.silentTimeoutMs === undefined && mayBeQuiet(plain),
    })
  })
  // The caller says which records there are.
  return chunks$ as unknown as Observable<JetstreamChunk<Records>>
}

function protocolOf(
  protocol: JetstreamProtocol,
  filter: NamedFilter | undefined,
): CursorProtocol<JetstreamChunk> {
  const { readers } = protocol
  const gathering = readers.gather(readers)
  const whole = gathering && {
    // What an earlier filter has delivered is left out event by event.
    add: (frame: Parameters<typeof gathering.add>[0]) =>
      !(filter?.history?.isActive ?? false) && gathering.add(frame),
    take: () => gathering.take(),
  }
  return withoutDelivered(chunkProtocol(protocol, whole), filter, (chunk, delivered) =>
    isNew(chunk.event(0), delivered),
  )
}
