import type {
  AccountEvent,
  Commit,
  CommitEvent,
  IdentityEvent,
  JetstreamEvent,
} from '../../events.js'
import { generateCid, generateDid, tid } from './ids.js'
import { integer, pick, random } from './random.js'
import { type Author, RECORDS } from './record.js'

/** What {@link generateEvents} makes. */
export interface GenerateEventsOptions {
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
  readonly repos?: number
  /**
   * Unix microseconds of the first event.
   * @default 1767225600000000 (2026-01-01)
   */
  readonly startUs?: number
  /**
   * Mean microseconds from one event (under `sharedTime`: one commit) to the next.
   * @default 1000
   */
  readonly everyUs?: number
  /**
   * The largest number of operations in one commit; they share `rev`.
   * @default 1
   */
  readonly operationsPerCommit?: number
  /**
   * Whether the operations of one commit share `time_us` too, as on a v2 server.
   * @default false
   */
  readonly sharedTime?: boolean
}

interface EventRepository {
  readonly did: string
  readonly clock: number
}

interface EventMaking {
  readonly next: () => number
  readonly repos: readonly EventRepository[]
  seq: number
}

/** The mix of the network, in parts of a thousand. One event in twelve is a delete. */
type Share = readonly [upTo: number, collection: string, operation: 'create' | 'update']
const MIX: readonly [Share, ...Share[]] = [
  [500, 'app.bsky.feed.like', 'create'],
  [710, 'app.bsky.feed.post', 'create'],
  [800, 'app.bsky.feed.repost', 'create'],
  [890, 'app.bsky.graph.follow', 'create'],
  [910, 'app.bsky.graph.block', 'create'],
  [925, 'app.bsky.actor.profile', 'update'],
  [930, 'app.bsky.feed.post', 'update'],
  [1000, 'fm.teal.alpha.actor.status', 'update'],
]
const SELF = new Set(['app.bsky.actor.profile', 'fm.teal.alpha.actor.status'])
const DELETED = [
  'app.bsky.feed.like',
  'app.bsky.feed.like',
  'app.bsky.feed.post',
  'app.bsky.graph.follow',
  'app.bsky.feed.repost',
]
const STATUSES = ['takendown', 'suspended', 'deleted', 'deactivated'] as const
const DAY_US = 86_400_000_000

/**
 * Plausible Jetstream events, wire v1, members in the wire's order: a mix of collections and
 * operations as the network has it, with identity and account events. Endless without `count`;
 * deterministic; about 500 bytes of JSON each. `time_us` strictly increases, but within a commit
 * under `sharedTime`; `rev` increases in each repository.
 *
 * @example
 * const events = [...generateEvents({ seed: 7, count: 100 })]
 */
export function* generateEvents(
  options: GenerateEventsOptions = {},
): Generator<JetstreamEvent, void, undefined> {
  const {
    seed = 1,
    count = Number.POSITIVE_INFINITY,
    repos = 1000,
    everyUs = 1000,
    operationsPerCommit = 1,
    sharedTime = false,
  } = options
  const next = random(seed)
  const making: EventMaking = { next, repos: makeRepos(next, repos), seq: 24_000_000_000 }
  let timeUs = options.startUs ?? 1_767_225_600_000_000
  for (let made = 0; made < count; ) {
    const repo = pick(next, making.repos)
    const operations = operationsPerCommit === 1 ? 1 : 1 + integer(next, operationsPerCommit)
    const rev = tid(timeUs, repo.clock)
    for (let n = 0; n < operations && made < count; n++, made++) {
      const at = { clock: repo.clock, timeUs: sharedTime ? timeUs - n : timeUs }
      yield n === 0 && operations === 1
        ? event(making, repo, rev, at, timeUs)
        : commit(making, repo, rev, at, timeUs, n)
      if (!sharedTime) timeUs += 1 + integer(next, 2 * everyUs)
    }
    if (sharedTime) timeUs += operations + integer(next, 2 * everyUs)
  }
}

function makeRepos(next: () => number, count: number): readonly EventRepository[] {
  return Array.from({ length: count }, () => ({
    did: generateDid(next),
    clock: integer(next, 1024),
  }))
}

function event(
  making: EventMaking,
  repo: EventRepository,
  rev: string,
  at: Author,
  timeUs: number,
): JetstreamEvent {
  const kind = making.next()
  if (kind < 0.98) return commit(making, repo, rev, at, timeUs, 0)
  return kind < 0.99 ? identity(making, repo.did, timeUs) : account(making, repo.did, timeUs)
}

function commit(
  making: EventMaking,
  repo: EventRepository,
  rev: string,
  at: Author,
  timeUs: number,
  index: number,
): CommitEvent {
  const { next } = making
  const body = next() < 0.08 ? deletion(next, at, rev) : writing(next, at, rev, index)
  return { did: repo.did, time_us: timeUs, kind: 'commit', commit: body }
}

function deletion(next: () => number, at: Author, rev: string): Commit {
  return {
    rev,
    operation: 'delete',
    collection: pick(next, DELETED),
    rkey: tid(at.timeUs - integer(next, 30 * DAY_US), at.clock),
  }
}

/**
 * Only the first operation of a commit may write `self`: a repository has one such record, and a
 * commit writes it once.
 */
function writing(next: () => number, at: Author, rev: string, index: number): Commit {
  const part = integer(next, index === 0 ? 1000 : 910)
  const [, collection, operation] = MIX.find(([upTo]) => part < upTo) ?? MIX[0]
  const rkey = SELF.has(collection) ? 'self' : tid(at.timeUs - 200_000, at.clock)
  return {
    rev,
    operation,
    collection,
    rkey,
    record: RECORDS[collection]?.(next, at),
    cid: generateCid(next),
  }
}

function identity(making: EventMaking, did: string, timeUs: number): IdentityEvent {
  const { next } = making
  const handle = next() < 0.1 ? { handle: `${did.slice(8, 16)}.bsky.social` } : {}
  return {
    did,
    time_us: timeUs,
    kind: 'identity',
    identity: { did, ...handle, seq: ++making.seq, time: iso(timeUs) },
  }
}

function account(making: EventMaking, did: string, timeUs: number): AccountEvent {
  const { next } = making
  const state =
    next() < 0.6
      ? { active: true, did, seq: ++making.seq }
      : { active: false, did, seq: ++making.seq, status: pick(next, STATUSES) }
  return { did, time_us: timeUs, kind: 'account', account: { ...state, time: iso(timeUs) } }
}

const iso = (timeUs: number): string => new Date(timeUs / 1000).toISOString()
