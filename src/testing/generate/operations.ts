import type { CidLink } from '@atcute/cbor'
import type { FirehoseOp } from '../event-stream/firehose-message.js'
import { type Block, blockOf, linkTo } from '../wire/write-car.js'
import type { CommitFlaw } from './commit-flaws.js'
import { tid } from './ids.js'
import { integer, pick } from './random.js'
import { type Author, RECORDS } from './record.js'

/** A record in a repository. */
interface HeldRecord {
  readonly path: string
  readonly cid: CidLink
}

/** The state of one repository before its next commit. */
export interface GeneratedRepository {
  readonly did: string
  readonly clock: number
  /** The newest records, which updates and deletes are about. */
  readonly held: HeldRecord[]
  rev: string | null
  /** The commit block of the last commit. */
  head: Block | undefined
  /** The root of the tree. */
  data: CidLink | undefined
}

/** How operations are chosen. */
export interface CommitMaking {
  readonly next: () => number
  readonly pickCollection: () => string
  readonly operationsPerCommit: number
}

/** An operation and its record block. */
export interface Operation {
  readonly op: FirehoseOp
  readonly block?: Block
}

const SELF = new Set(['app.bsky.actor.profile', 'fm.teal.alpha.actor.status'])
const MOST_HELD = 16

/** Makes the operations of one commit, and applies them to the repository. */
export function operationsOf(
  making: CommitMaking,
  repo: GeneratedRepository,
  at: Author,
  flaw: CommitFlaw | undefined,
): readonly Operation[] {
  if (flaw === 'too-big' || flaw === 'no-ops') return []
  if (flaw === 'same-path') return createdAndDeleted(making, at)
  const operations: Operation[] = []
  const touched = new Set<string>()
  const wanted = 1 + integer(making.next, making.operationsPerCommit)
  for (let n = 0; n < wanted; n++) {
    const made = operation(making, repo, { ...at, timeUs: at.timeUs + n }, flaw)
    if (touched.has(made.op.path)) continue
    touched.add(made.op.path)
    operations.push(made)
  }
  for (const { op } of operations) hold(repo, op)
  return operations
}

/** A commit with a flaw in a record begins with an operation that has a record. */
function operation(
  making: CommitMaking,
  repo: GeneratedRepository,
  at: Author,
  flaw: CommitFlaw | undefined,
): Operation {
  const { next } = making
  const share = next()
  const old = repo.held.length > 0 ? pick(next, repo.held) : undefined
  if (old !== undefined && share < 0.08 && flaw === undefined)
    return { op: { action: 'delete', path: old.path, cid: null, prev: old.cid } }
  if (old !== undefined && share < 0.12) return writing(next, old.path, at, old)
  const collection = making.pickCollection()
  const path = `${collection}/${SELF.has(collection) ? 'self' : tid(at.timeUs, at.clock)}`
  return writing(
    next,
    path,
    at,
    SELF.has(collection) ? repo.held.find((held) => held.path === path) : undefined,
  )
}

function writing(
  next: () => number,
  path: string,
  at: Author,
  old: HeldRecord | undefined,
): Operation {
  const block = blockOf(record(next, path.slice(0, path.indexOf('/')), at))
  const cid = linkTo(block)
  if (old === undefined) return { op: { action: 'create', path, cid }, block }
  return { op: { action: 'update', path, cid, prev: old.cid }, block }
}

function createdAndDeleted(making: CommitMaking, at: Author): readonly Operation[] {
  const { op } = writing(
    making.next,
    `app.bsky.feed.post/${tid(at.timeUs, at.clock)}`,
    at,
    undefined,
  )
  return [
    { op },
    { op: { action: 'delete', path: op.path, cid: null, ...(op.cid ? { prev: op.cid } : {}) } },
  ]
}

const record = (next: () => number, collection: string, at: Author): object =>
  RECORDS[collection]?.(next, at) ?? {
    $type: collection,
    createdAt: iso(at.timeUs),
    n: integer(next, 1e6),
  }

/**
 * Only the newest records are kept, since no operation is about older ones; `self` records stay.
 */
function hold(repo: GeneratedRepository, { path, cid }: FirehoseOp): void {
  const place = repo.held.findIndex((held) => held.path === path)
  if (place >= 0) repo.held.splice(place, 1)
  if (cid === null) return
  repo.held.push({ path, cid })
  if (repo.held.length > MOST_HELD)
    repo.held.splice(
      repo.held.findIndex((held) => !held.path.endsWith('/self')),
      1,
    )
}

const iso = (timeUs: number): string => new Date(timeUs / 1000).toISOString()
