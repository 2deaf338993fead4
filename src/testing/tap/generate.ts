import { generateEvents } from '../generate/events.js'
import { integer, random } from '../generate/random.js'
import type { FakeTapEvent } from './frame.js'

/** What {@link generateTapEvents} makes. */
export interface GenerateTapEventsOptions {
  /**
   * The same seed gives the same events.
   * @default 1
   */
  readonly seed?: number
  /**
   * How many events.
   * @default Infinity
   */
  readonly count?: number
  /**
   * How many repositories write.
   * @default 1000
   */
  readonly dids?: number
  /**
   * Whether the records are live; a number is the share that is, the rest coming as backfill does.
   * @default true
   */
  readonly live?: boolean | number
}

/**
 * Plausible Tap events: records of {@link generateEvents}' mix, and identity events. Endless
 * without `count`; deterministic; `rev` increases in each repository.
 *
 * @example
 * const events = [...generateTapEvents({ seed: 7, count: 100, dids: 10 })]
 */
export function* generateTapEvents(
  options: GenerateTapEventsOptions = {},
): Generator<FakeTapEvent, void, undefined> {
  const { seed = 1, count = Number.POSITIVE_INFINITY, dids: repos = 1000, live = true } = options
  const next = random(seed + 0x7a90)
  const share = Number(live)
  for (const event of generateEvents({ seed, count, repos })) {
    if (event.kind === 'commit') {
      const { rev, operation, collection, rkey, record, cid } =
        event.commit as typeof event.commit & { record?: unknown; cid?: string }
      const content =
        operation === 'delete' ? {} : { record, ...(cid === undefined ? {} : { cid }) }
      yield {
        type: 'record',
        live: next() < share,
        did: event.did,
        rev,
        collection,
        rkey,
        action: operation,
        ...content,
      }
    } else {
      const status =
        (['active', 'active', 'takendown', 'deactivated'] as const)[integer(next, 4)] ?? 'active'
      yield {
        type: 'identity',
        did: event.did,
        handle: `${event.did.slice(8, 16)}.bsky.social`,
        isActive: status === 'active',
        status,
      }
    }
  }
}
