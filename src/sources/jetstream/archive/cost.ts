import { asyncScheduler } from 'rxjs'
import { isTimeCursor } from '../../../live/protocol.js'
import { type ArchiveConfig, checkArchiveConfig } from './config.js'
import { requestOptionsOf } from './endpoint.js'
import { Lifetime } from './lifetime.js'
import { listSegments, Plan, type PlannedSegment, seqBefore } from './plan.js'
import type { ListedSegment } from './plan-json.js'
import { Requests } from './requests.js'

/** What reading an archive would cost: see {@link archiveCost}. */
export interface ArchiveCost {
  /** The position after which reading begins. */
  readonly from: number
  /** The last position of the archive. */
  readonly tip: number
  /** Segments that are read, whole or in part. */
  readonly segments: number
  /** How many of them are read whole. */
  readonly wholeSegments: number
  /** Blocks of the other ones. */
  readonly blocks: number
  /**
   * Compressed bytes, which a quota counts: exact for whole segments, about for blocks, and for the
   * footers that `verify: 'footer'` fetches beside them.
   */
  readonly bytes: number
}

// Who asks for the cost waits for the answer.
const MAX_RETRIES = 3
// What the servers write.
const ROWS_OF_BLOCK = 4096
// The share of a segment that is its footer.
const FOOTER_SHARE = 0.01

/**
 * Returns what `archive$` would download, by asking for the plan and the list of segments alone.
 * Gives up after three retries, or after `reconnect.maxAttempts`.
 *
 * **Errors**: {@link ConfigError} is thrown at the call. Rejects as {@link archive$} errors.
 *
 * @example
 * ```ts no-run
 * const { bytes } = await archiveCost({ host: 'jetstream.example', collections: ['app.bsky.*'] })
 * console.log(`${Math.round(bytes / 2 ** 20)} MiB`)
 * ```
 */
export function archiveCost(config: ArchiveConfig): Promise<ArchiveCost> {
  const { config: plain, options, start } = checkArchiveConfig(config)
  const { collections, dids, kinds, apiKey, verify } = plain
  const asked = requestOptionsOf(options.hosts[0], apiKey, options)
  const requests = new Requests(
    { ...asked, reconnect: { maxAttempts: MAX_RETRIES, ...asked.reconnect } },
    new Lifetime(),
    () => {},
  )
  const first = start(asyncScheduler.now())
  const from = first === 'oldest' ? 0 : (first ?? 0)
  const footerShare = verify === 'footer' ? FOOTER_SHARE : 0
  return costOf(requests, { collections, dids, kinds }, from, footerShare)
}

async function costOf(
  requests: Requests,
  filters: ConstructorParameters<typeof Plan>[1],
  first: number,
  footerShare: number,
): Promise<ArchiveCost> {
  const after = isTimeCursor(first) ? await seqBefore(requests, first) : Math.max(0, first - 1)
  const listed = new Map<string, ListedSegment>()
  for await (const segment of listSegments(requests)) listed.set(segment.name, segment)
  const tip = Math.max(0, ...[...listed.values()].map(({ maxSeq }) => maxSeq))
  const plan = new Plan(requests, filters, after ?? tip)
  const planned = new Map<string, PlannedSegment[]>()
  for (let page = await plan.next(); page !== undefined; page = await plan.next())
    for (const segment of page.segments)
      planned.set(segment.name, [...(planned.get(segment.name) ?? []), segment])
  const parts = [...planned].map(([name, pieces]) => partOf(pieces, listed.get(name), footerShare))
  return {
    from: after ?? tip,
    tip: plan.tip ?? tip,
    segments: parts.length,
    wholeSegments: parts.filter(({ blocks }) => blocks === undefined).length,
    blocks: parts.reduce((sum, { blocks = 0 }) => sum + blocks, 0),
    bytes: Math.round(parts.reduce((sum, { bytes }) => sum + bytes, 0)),
  }
}

/** A page may end inside a segment, and the next one names it again. */
function partOf(
  pieces: readonly PlannedSegment[],
  listed: ListedSegment | undefined,
  footerShare: number,
): { readonly blocks: number | undefined; readonly bytes: number } {
  const { sizeBytes = 0, eventCount = 0 } = listed ?? {}
  const footer = sizeBytes * footerShare
  if (pieces.some(({ blocks }) => blocks === undefined))
    return { blocks: undefined, bytes: sizeBytes + footer }
  const blocks = new Set(pieces.flatMap(({ blocks: some = [] }) => some)).size
  const all = Math.max(1, Math.ceil(eventCount / ROWS_OF_BLOCK))
  return { blocks, bytes: sizeBytes * Math.min(1, blocks / all) + footer }
}
