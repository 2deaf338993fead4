import { type EventFilters, wantedBy } from '../../atproto/filters.js'
import type { ArchiveRow } from './segment-file.js'
import type { ArchiveStore, StoredSegment } from './store.js'

interface PlanRequest extends EventFilters {
  readonly afterSeq?: number | null
  readonly beforeSeq?: number | null
}

interface Entry {
  readonly segment: StoredSegment
  /** `undefined`: the whole segment. */
  readonly range: { first: number; last: number } | undefined
}

const KINDS = ['', 'commit', 'commit', 'commit', 'identity', 'account', 'sync', 'commit']
// Of so many of its blocks on, a segment is planned whole.
const WHOLE = 0.75

/** The answer to `planSnapshot`, a page of at most `most` entries. Throws for what is refused. */
export function planAnswer(store: ArchiveStore, request: PlanRequest, most: number): object {
  const { afterSeq, beforeSeq } = request
  const after = afterSeq ?? 0
  const tip = Math.min(store.tip, beforeSeq ?? Number.POSITIVE_INFINITY)
  if (beforeSeq != null && afterSeq != null && beforeSeq <= afterSeq)
    throw new Error('beforeSeq must be greater than afterSeq')
  const wanted = wantedBy(request)
  const isWanted = ({ kind, did, collection, seq }: ArchiveRow): boolean =>
    seq > after &&
    seq <= tip &&
    wanted(KINDS[kind] ?? '', did, kind > 3 && kind < 7 ? undefined : collection)
  const entries = store.segments.flatMap((segment) => entriesOf(segment, isWanted))
  const page = entries.slice(0, most)
  const segments = new Map<StoredSegment, Entry[]>()
  for (const entry of page)
    segments.set(entry.segment, [...(segments.get(entry.segment) ?? []), entry])
  return {
    plannedThroughSeq: page.length < entries.length ? lastSeqOf(page.at(-1) as Entry) : tip,
    sealedTipSeq: tip,
    segments: [...segments].map(([segment, list]) => ({
      checksum: segment.file.checksum,
      index: segment.index,
      minSeq: segment.minSeq,
      maxSeq: segment.maxSeq,
      name: segment.name,
      ...(list[0]?.range === undefined
        ? { mode: 'segment' }
        : { mode: 'blocks', blocks: list.map(({ range }) => range) }),
    })),
    stats: { entries: page.length, segmentsExamined: store.segments.length },
  }
}

function entriesOf(
  segment: StoredSegment,
  isWanted: (row: ArchiveRow) => boolean,
): readonly Entry[] {
  const indices = [...segment.blocks.keys()].filter((index) =>
    segment.blocks[index]?.some(isWanted),
  )
  if (indices.length === 0) return []
  if (indices.length >= WHOLE * segment.blocks.length) return [{ segment, range: undefined }]
  const ranges: { first: number; last: number }[] = []
  for (const index of indices) {
    const range = ranges.at(-1)
    if (range?.last === index - 1) range.last = index
    else ranges.push({ first: index, last: index })
  }
  return ranges.map((range) => ({ segment, range }))
}

/** Ranges are those of the time of the sealing, which rows that are left do not show. */
const lastSeqOf = ({ segment, range }: Entry): number =>
  range === undefined ? segment.maxSeq : (segment.blocks[range.last]?.at(-1)?.seq ?? segment.maxSeq)
