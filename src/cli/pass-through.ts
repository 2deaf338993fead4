import { map, type Observable } from 'rxjs'
import {
  type JetstreamChunk,
  type JetstreamChunksConfig,
  type JetstreamEvent,
  jetstreamChunks$,
} from '../index.js'
import { readRecord } from './unreadable-records.js'
import type { Watch } from './watch.js'

/** Lines of JSON, each with its line feed. */
export interface Lines {
  readonly count: number
  readonly text: string | Uint8Array
}

/**
 * What each read of a Jetstream brought, as lines. On wire v1 an event is written as it was
 * received; wire v2 wraps it, so that its line is made of the event.
 */
export const passedThrough = (config: JetstreamChunksConfig, watch: Watch): Observable<Lines> =>
  // At once: by the time it is written, another host may speak another wire.
  jetstreamChunks$(config).pipe(map((chunk) => linesOf(chunk, watch)))

function linesOf(chunk: JetstreamChunk, watch: Watch): Lines {
  const count = chunk.length
  if (watch.metrics.wire === 'v1' && !isUnreadable(chunk)) return { count, text: chunk.lines }
  const lines = Array.from(chunk, (event) => `${JSON.stringify(readRecord(event, watch))}\n`)
  return { count, text: lines.join('') }
}

/** Such an event is always a chunk of its own. */
function isUnreadable(chunk: JetstreamChunk): boolean {
  if (chunk.length > 1 || chunk.kind(0) !== 'commit') return false
  const { commit } = chunk.event(0) as Extract<JetstreamEvent, { readonly kind: 'commit' }>
  return 'problem' in commit
}
