import type { EventFilters } from '../../../atproto/filters.js'
import { CursorLoopError, PageError, RefusedError, WireError } from '../../../errors.js'
import { messageOf } from '../../../internal/message-of.js'
import { type ListedSegment, type RawPlan, readList, readPlan } from './plan-json.js'
import type { ArchiveAnswer, ArchiveRequest, Requests } from './requests.js'

/** A part of the archive to read: whole, or some of its blocks. */
export interface PlannedSegment {
  readonly name: string
  readonly index: number
  /** 16 hex digits, of the time of the plan. */
  readonly checksum: string
  readonly minSeq: number
  readonly maxSeq: number
  /** The indices of the blocks, rising; `undefined` for all of them. */
  readonly blocks: readonly number[] | undefined
}

/** One page of a plan. */
export interface PlanPage {
  readonly segments: readonly PlannedSegment[]
  /** All that is wanted up to this seq is in this page, or in those before it. */
  readonly through: number
}

// 100,000 entries, the most of a page by default, take 20 MB.
const MAX_PAGE_BYTES = 128 * 2 ** 20
const MAX_DIDS = 10_000
const MAX_STILL_PLANS = 5
// A thousand were seen to end in the midst of the body.
const LIST_LIMIT = 250

/** Pages through what the archive has for a filter, from one seq to the tip of the first answer. */
export class Plan {
  /** The last seq of the archive, as the first answer says; never moved by later ones. */
  tip: number | undefined
  /** How many answers came. */
  pages = 0
  #still = 0
  #ahead: { readonly page: PlanPage | undefined } | undefined
  readonly #filters: readonly EventFilters[]

  constructor(
    private readonly requests: Requests,
    filters: EventFilters,
    private after: number,
  ) {
    this.#filters = split(filters)
  }

  /** The position up to which all is planned. */
  get through(): number {
    return this.after
  }

  /** Asks for the first page, which {@link next} then returns. */
  async prefetch(): Promise<void> {
    this.#ahead = { page: await this.next() }
  }

  /** The next page; `undefined` behind the last one. */
  async next(): Promise<PlanPage | undefined> {
    const ahead = this.#ahead
    this.#ahead = undefined
    if (ahead !== undefined) return ahead.page
    while (this.tip === undefined || this.after < this.tip) {
      const page = await this.#page()
      // The tip may be behind what was asked for: there is no way back.
      if (page.through > this.after) {
        this.after = page.through
        return page
      }
      if (this.after >= (this.tip ?? 0)) return undefined
      this.#countStill()
    }
    return undefined
  }

  /** What was planned is not there any more: plans again from a position that was reached. */
  restart(after: number): void {
    this.#countStill()
    this.after = after
    this.tip = undefined
  }

  /** Something of the plan was read. */
  progressed(): void {
    this.#still = 0
  }

  #countStill(): void {
    this.#still += 1
    if (this.#still >= MAX_STILL_PLANS)
      throw new CursorLoopError(
        `the plan of the archive does not move beyond ${this.after}, ${this.#still} times`,
      )
  }

  /** One page for all lists of DIDs: as far as the shortest of theirs reaches. */
  async #page(): Promise<PlanPage> {
    const { after } = this
    let through = this.tip
    const plans: RawPlan[] = []
    for (const filters of this.#filters) {
      const plan = await this.#ask({ ...filters, afterSeq: after, beforeSeq: through })
      this.tip ??= plan.sealedTipSeq
      through = Math.min(through ?? this.tip, plan.plannedThroughSeq)
      plans.push(plan)
      if (through <= after) break
    }
    const last = through ?? after
    return { segments: merged(plans).filter(({ minSeq }) => minSeq <= last), through: last }
  }

  async #ask(body: object): Promise<RawPlan> {
    const plan = await askPlan(this.requests, body)
    this.pages += 1
    return plan
  }
}

/** DID lists above the server's limit are several plans. */
function split({ collections, dids, kinds }: EventFilters): readonly EventFilters[] {
  const all = [...new Set(dids)]
  const count = Math.max(1, Math.ceil(all.length / MAX_DIDS))
  return Array.from({ length: count }, (_, part) => ({
    ...(kinds === undefined ? {} : { kinds: [...new Set(kinds)] }),
    ...(collections === undefined ? {} : { collections: [...new Set(collections)] }),
    ...(dids === undefined ? {} : { dids: all.slice(part * MAX_DIDS, (part + 1) * MAX_DIDS) }),
  }))
}

/** The segments of several plans, each once and in order. */
function merged(plans: readonly RawPlan[]): readonly PlannedSegment[] {
  const byIndex = new Map<number, PlannedSegment>()
  for (const { segments } of plans) {
    for (const { mode, blocks = [], ...segment } of segments) {
      const known = byIndex.get(segment.index)
      const isWhole = mode === 'segment' || (known !== undefined && known.blocks === undefined)
      const indices = isWhole ? undefined : union(known?.blocks ?? [], blocks)
      byIndex.set(segment.index, { ...segment, blocks: indices })
    }
  }
  return [...byIndex.values()].sort((a, b) => a.index - b.index)
}

function union(
  known: readonly number[],
  ranges: readonly { readonly first: number; readonly last: number }[],
): readonly number[] {
  const all = new Set(known)
  for (const { first, last } of ranges)
    for (let block = first; block <= last; block += 1) all.add(block)
  return [...all].sort((a, b) => a - b)
}

async function askPlan(requests: Requests, body: object): Promise<RawPlan> {
  try {
    return await askJson(requests, { method: 'planSnapshot', body: JSON.stringify(body) }, readPlan)
  } catch (error) {
    if (error instanceof RefusedError && [404, 405, 501].includes(error.status))
      throw new WireError(`the host has no archive: ${error.message}`, { cause: error })
    throw error
  }
}

/** All segments, in order. Those without a row are left out. */
export async function* listSegments(requests: Requests): AsyncGenerator<ListedSegment> {
  let cursor: string | undefined
  do {
    const params = { limit: String(LIST_LIMIT), ...(cursor === undefined ? {} : { cursor }) }
    const page = await askJson(requests, { method: 'listSegments', params }, readList)
    yield* page.segments.filter(({ eventCount, minSeq }) => eventCount > 0 || minSeq > 0)
    const next = page.cursor === undefined ? undefined : String(page.cursor)
    if (next !== undefined && next === cursor)
      throw new CursorLoopError(`listSegments repeated the cursor ${next}`)
    cursor = next
  } while (cursor !== undefined)
}

/**
 * The seq after which the rows of a time, in unix microseconds, begin; `undefined` where the
 * archive has none as new.
 */
export async function seqBefore(requests: Requests, time_us: number): Promise<number | undefined> {
  for await (const { maxWitnessedAt, minSeq } of listSegments(requests))
    if (maxWitnessedAt >= time_us) return minSeq - 1
  return undefined
}

const askJson = <T>(
  requests: Requests,
  request: ArchiveRequest,
  read: (value: unknown) => T,
): Promise<T> =>
  requests.run(async ({ send }) => {
    const text = await textOf(request.method, await send(request))
    try {
      return read(JSON.parse(text))
    } catch (cause) {
      const what = `${request.method} was answered with something else`
      throw new PageError(`${what}: ${messageOf(cause)}`, { cause })
    }
  })

async function textOf(method: string, { status, chunks }: ArchiveAnswer): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > MAX_PAGE_BYTES) throw new PageError(`${method} does not end`)
    text += decoder.decode(chunk, { stream: true })
  }
  if (status !== 200) throw new PageError(`${method} was answered with ${status}`)
  return text + decoder.decode()
}
