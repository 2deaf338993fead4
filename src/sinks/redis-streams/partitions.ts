import { asyncScheduler } from 'rxjs'
import type { RedisCommands } from '../../redis-client/client.js'
import {
  changedLayout,
  changeLayout,
  formerCounts,
  type PartitionLayout,
  partitionKeys,
  readLayout,
} from '../../redis-client/partition-layout.js'
import { all } from './all.js'
import { isDrained } from './drained.js'
import { HighWater } from './high-water.js'
import type { SinkCounts } from './metrics.js'
import type { Settings } from './options.js'
import { PositionIds } from './position-ids.js'
import { RedisIds } from './redis-ids.js'
import type { OutgoingEvent, Row } from './row.js'
import { StreamWriter } from './stream-writer.js'

/** The writers of one number of partitions. */
interface Writers {
  readonly streams: readonly string[]
  readonly all: readonly StreamWriter[]
  /** Empty where Redis makes the ids. */
  readonly positions: readonly PositionIds[]
  readonly highWater: HighWater
}

/** The partitions of a number before, and the last position that was written to them. */
interface Former {
  readonly ids: readonly PositionIds[]
  readonly until: number
}

/**
 * The streams of one subscription. Their number may change while it runs: the writer makes the
 * change, between two batches, since it alone knows which positions it has written by the old
 * number.
 */
export class Partitions<Event> {
  #writers: Writers
  #isOpen = false
  /** The position of the last event written. */
  #lastPosition: number | undefined
  /** The partitions of the numbers before, while what is in them may come again. */
  #before: readonly Former[] = []
  #isChanging = false
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(
    private readonly commands: RedisCommands,
    private readonly settings: Settings<Event>,
    private readonly counts: SinkCounts,
  ) {
    this.#writers = this.#writersOf(settings.partitions)
  }

  get unread(): number {
    return this.#writers.highWater.unread
  }

  /** The first of the streams. */
  get stream(): string {
    return this.#writers.streams[0] ?? this.settings.stream
  }

  async open(): Promise<void> {
    if (this.#isOpen) return
    const { partitions, stream, timeoutMs, log } = this.settings
    if (partitions !== undefined) {
      const layout = await readLayout(this.commands, stream, timeoutMs)
      if (layout !== undefined) await this.#resume(layout)
      const { length } = this.#writers.streams
      if (length !== partitions)
        log.warn(`\`${stream}\` has ${length} partitions since it was changed, not ${partitions}`)
    }
    await all(this.#writers.all.map((writer) => writer.open()))
    await this.#writers.highWater.isReached()
    this.#isOpen = true
  }

  /** A program that begins may get events again that were written by the number before. */
  async #resume(layout: PartitionLayout): Promise<void> {
    const { stream, ids } = this.settings
    this.#writers = this.#writersOf(layout.count)
    if (ids === 'redis') return
    const before = formerCounts(layout).map(({ was, until }) => ({
      ids: partitionKeys(stream, was).map((key) => this.#positionsOf(key)),
      until,
    }))
    await all(before.flatMap((former) => former.ids).map((one) => one.open()))
    this.#before = before
  }

  /** Whether the sink must wait: consumers are behind, or have to read all before a change. */
  async mustWait(): Promise<boolean> {
    if (await this.#writers.highWater.isReached()) return true
    const { partitions, ids, checkEveryMs } = this.settings
    if (partitions === undefined || ids === 'redis') return false
    const now = asyncScheduler.now()
    if (now - this.#askedAt < checkEveryMs) return this.#isChanging
    this.#isChanging = await this.#follow()
    this.#askedAt = now
    return this.#isChanging
  }

  /** Returns whether a change is wanted that cannot be made yet. */
  async #follow(): Promise<boolean> {
    const { stream, timeoutMs } = this.settings
    const layout = await readLayout(this.commands, stream, timeoutMs)
    const { streams } = this.#writers
    if (layout?.next !== undefined) {
      // What comes again is recognised in the partition that it was written to.
      if (!this.#isCaughtUp) return false
      if (!(await isDrained(this.commands, streams))) return true
      const until = this.#lastPosition ?? 0
      const changed = changedLayout(layout, layout.next, { was: streams.length, until })
      if (!(await changeLayout(this.commands, stream, layout, changed))) return true
      await this.#use(layout.next)
    } else if (layout !== undefined && layout.count !== streams.length) {
      // The answer to our own change was lost.
      await this.#use(layout.count)
    }
    return false
  }

  async #use(count: number): Promise<void> {
    const writers = this.#writersOf(count)
    await all(writers.all.map((writer) => writer.open()))
    this.#writers = writers
  }

  /** Whether all that is in the streams was passed. Streams of an earlier log are. */
  get #isCaughtUp(): boolean {
    const position = this.#lastPosition
    if (position === undefined) return false
    const lasts = this.#writers.positions.map(({ last }) => last)
    let epoch = 0n
    for (const last of lasts) if (last.epoch > epoch) epoch = last.epoch
    return lasts.every((last) => last.epoch < epoch || last.position <= position)
  }

  /** Leaves out the events that were written by a number before. */
  async unwritten(
    events: readonly OutgoingEvent<Event>[],
  ): Promise<readonly OutgoingEvent<Event>[]> {
    if (this.#before.length === 0) return events
    const found = new Set<Row>()
    // One after the other: a row has the id of one lookup at a time.
    for (const former of this.#before)
      for (const row of await writtenTo(former, events)) found.add(row)
    this.#before = this.#before.filter(({ until }) =>
      events.some(({ row }) => row.place.position <= until),
    )
    this.counts.duplicates += found.size
    return events.filter(({ row }) => !found.has(row))
  }

  add(events: readonly OutgoingEvent<Event>[]): void {
    const writers = this.#writers.all
    for (const { hash, row } of events) writers[hash % writers.length]?.add(row)
  }

  flush(): Promise<void> {
    return all(this.#writers.all.map((writer) => writer.flush()))
  }

  wrote(events: readonly OutgoingEvent<Event>[]): void {
    this.#writers.highWater.wrote(events.length)
    this.#lastPosition = events.at(-1)?.row.place.position ?? this.#lastPosition
  }

  #writersOf(count: number | undefined): Writers {
    const { stream, ids, timeoutMs, rewrite, highWaterMark, checkEveryMs } = this.settings
    const streams = count === undefined ? [stream] : partitionKeys(stream, count)
    const positions = ids === 'redis' ? [] : streams.map((key) => this.#positionsOf(key))
    const kept = Math.ceil(rewrite / streams.length)
    const writers = streams.map((key, index) => {
      const own =
        positions[index] ?? new RedisIds(this.commands, key, this.settings.maxLen, timeoutMs)
      return new StreamWriter(this.commands, key, own, kept, timeoutMs, this.counts)
    })
    const highWater = new HighWater(this.commands, streams, highWaterMark, checkEveryMs, timeoutMs)
    return { streams, all: writers, positions, highWater }
  }

  #positionsOf(key: string): PositionIds {
    const { maxLen, timeoutMs } = this.settings
    return new PositionIds(this.commands, key, maxLen, timeoutMs, this.counts)
  }
}

/** Which of the rows are in these partitions. */
async function writtenTo<Event>(
  { ids, until }: Former,
  events: readonly OutgoingEvent<Event>[],
): Promise<readonly Row[]> {
  const old = events.filter(({ row }) => row.place.position <= until)
  const found: Row[] = []
  const finding = ids.map(async (one, partition) => {
    const rows = old.filter(({ hash }) => hash % ids.length === partition).map(({ row }) => row)
    if (rows.length > 0) found.push(...(await one.find(rows)))
  })
  await all(finding)
  return found
}
