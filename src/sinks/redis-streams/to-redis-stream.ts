import { defer, finalize, type OperatorFunction, takeUntil } from 'rxjs'
import { enter, leave } from '../../delivery/delivery.js'
import { observe, operate } from '../../internal/observe.js'
import { boundedBatchMap } from '../../operators/bounded-batch-map.js'
import { encodeEach } from './encode-each.js'
import type { SinkEntry } from './entry.js'
import { type RedisStreamOptions, settingsOf } from './options.js'
import { StreamSink } from './sink.js'

/**
 * Writes each event to a Redis stream, once, and emits it when it is there. Like `boundedBatchMap`
 * over a pipeline of `XADD`, but an event that was written before (an answer got lost, the program
 * or Redis crashed, the source sent it again) is recognised, and a Redis that is away, hangs or is
 * full is waited for.
 *
 * **Order**: that of the source, in each stream. **Loss**: none. A full queue, a Redis in trouble
 * and consumers that are behind pause the source; a checkpoint never passes what is not written. An
 * event that cannot be written as an entry goes to `onDeadLetter`, or is dropped, with a gap.
 * **Completion**: when the source has completed, all is written, and the checkpoint of it is saved.
 * **Errors**: `RedisRefusedError` for what Redis will always refuse, asked at the start;
 * `RedisConflictError` where another writer is in the stream; `HoldError` for values that come
 * outside a delivery. `ConfigError` at the call. The delivery of what is not written counts as
 * failed. **Unsubscription**: gives up what waits: those deliveries count as failed, and a restart
 * brings them again. The client stays open.
 *
 * ```
 * source    -a-b-c-d----|
 * redis     ---(ab)-(cd)
 * result    ----(ab)-(cd)|    (size: 2)
 * ```
 *
 * @example
 * ```ts
 * const checkpoint = redisCursorStore(redis)
 * jetstream$({ ...config, checkpoint }).pipe(toRedisStream({ client: redis, stream: 'posts', partitions: 8 })).subscribe()
 * ```
 */
export function toRedisStream<Event>(
  options: RedisStreamOptions<Event>,
): OperatorFunction<Event, Event> {
  const settings = settingsOf(options)
  const { size, maxWaitMs, capacity } = settings
  return (source) =>
    defer(() => {
      const sink = new StreamSink(settings)
      return source.pipe(
        encodeEach(settings, sink.counts),
        boundedBatchMap((batch: readonly SinkEntry<Event>[]) => sink.write(batch), {
          size,
          maxWaitMs,
          capacity,
        }),
        emitEach(),
        takeUntil(sink.run$),
        finalize(() => sink.close()),
      )
    })
}

/** Emits the events of a batch, each in its own delivery. */
const emitEach = <Event>(): OperatorFunction<readonly SinkEntry<Event>[], Event> =>
  operate((source, destination) => {
    observe(
      source,
      destination,
      (entries) => {
        for (const { event, holding } of entries) {
          if (destination.closed) return
          const outer = enter(holding)
          try {
            destination.next(event)
          } finally {
            leave(outer)
          }
        }
      },
      () => destination.complete(),
    )
  })
