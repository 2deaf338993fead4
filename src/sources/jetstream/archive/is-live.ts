import type { JetstreamEvent } from '../../../events.js'
import { isArchived } from './lazy-commit.js'

/**
 * Whether an event came from the socket, and not from the archive: history is over, or was never
 * asked for. What a socket replays after a reconnect counts as live.
 *
 * A copy of an event that is no commit (`{ ...event }`) counts as live.
 *
 * @example
 * ```ts
 * archive$({ host: 'jetstream.example' }).subscribe((event) => console.log(isLive(event)))
 * ```
 */
export const isLive = (event: JetstreamEvent): boolean =>
  !isArchived(event.kind === 'commit' ? event.commit : event)
