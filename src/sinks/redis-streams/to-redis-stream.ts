import { defer, finalize, type OperatorFunction, takeUntil } from 'rxjs'
import { enter, leave } from '../../delivery/delivery.js'
import { observe, operate } from '../../internal/observe.js'
import { boundedBatchMap } from '../../operators/bounded-batch-map.js'
import { encodeEach } from './encode-each.js'
import { type RedisStreamOptions, settingsOf } from './options.js'
import type { OutgoingEvent } from './row.js'
import { StreamSink } from './sink.js'

/**
 * Writes each event to a Redis stream once, and emits it when it is there. Like
 * `boundedBatchMap` over a pipeline of `XADD`, but it recognises an event that was written before
 * (after a lost reply, a crash of the program or of Redis, or a reconnect of the source), and waits
 * while Redis is unreachable, hangs or is full.
 *
 * **Order**: that of the source, in each stream. **Loss**: none. A full queue, an outage of Redis
 * and consumers that are behind pause the source; a checkpoint never passes an event that is not
 * written. An event that cannot be written as an entry goes to `onDeadLetter`, or is dropped, with
 * a gap. **Completion**: when the source has completed, all is written, and its checkpoint is
 * saved. **Errors**: `RedisRefusedError` for what Redis always refuses, checked at the start;
 * `RedisConflictError` if another writer adds to the stream; `HoldError` for values outside a
 * delivery. {@link ConfigError} is thrown at the call. Deliveries of events that are not written
 * count as failed. **Unsubscription**: gives up waiting events: their deliveries count as failed,
 * and a restart brings them again. The client stays open.
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
 * jetstream$({ ...config, checkpoint })
 *   .pipe(toRedisStream({ client: redis, stream: 'posts', partitions: 8 }))
 *   .subscribe()
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
        boundedBatchMap((batch: readonly OutgoingEvent<Event>[]) => sink.write(batch), {
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
const emitEach = <Event>(): OperatorFunction<readonly OutgoingEvent<Event>[], Event> =>
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
