import { toBytes } from '@atcute/cbor'
import type { CommitBody, FirehoseMessage } from '../event-stream/firehose-message.js'
import { type Block, blockOf, carOf, linkTo } from '../wire/write-car.js'
import { type CommitFlaw, type FlawedCommits, flawOf } from './commit-flaws.js'
import { generateDid, tid } from './ids.js'
import { type CommitMaking, type GeneratedRepository, operationsOf } from './operations.js'
import { integer, pick, random } from './random.js'
import { EMPTY_TREE, treeOf } from './tree.js'

/** What {@link generateCommits} makes. */
export interface GenerateCommitsOptions {
  /**
   * The same seed gives the same messages.
   * @default 1
   */
  readonly seed?: number
  /**
   * How many messages.
   * @default Infinity
   */
  readonly count?: number
  /**
   * How many repositories write.
   * @default 1000
   */
  readonly repos?: number
  /**
   * The repositories themselves.
   * @default made up, as many as `repos` says
   */
  readonly dids?: readonly string[]
  /**
   * The sequence number of the first message.
   * @default 1
   */
  readonly firstSeq?: number
  /**
   * Unix microseconds of the first message.
   * @default 1767225600000000 (2026-01-01)
   */
  readonly startUs?: number
  /**
   * Mean microseconds from one message to the next.
   * @default 1000
   */
  readonly everyUs?: number
  /**
   * The largest number of operations in one commit.
   * @default 3
   */
  readonly operationsPerCommit?: number
  /**
   * The collections written, each with its weight.
   * @default a mix like the network's, led by likes
   */
  readonly collections?: Readonly<Record<string, number>>
  /**
   * Commits with a flaw.
   * @default none
   */
  readonly flaws?: readonly FlawedCommits[]
}

const MIX = {
  'app.bsky.feed.like': 500,
  'app.bsky.feed.post': 210,
  'app.bsky.feed.repost': 90,
  'app.bsky.graph.follow': 90,
  'fm.teal.alpha.actor.status': 70,
  'app.bsky.graph.block': 20,
  'app.bsky.actor.profile': 20,
}
const STATUSES = ['takendown', 'suspended', 'deleted', 'deactivated']
const SIGNATURE_BYTES = 64

/**
 * Plausible messages of `com.atproto.sync.subscribeRepos`: commits of one or more operations over a
 * mix of collections, with `#identity`, `#account` and `#sync` among them. Endless without `count`;
 * deterministic; about 1.5 KB a frame.
 *
 * Blocks, CIDs and CAR files are real: every record hashes to the `cid` of its operation, a commit
 * block is the root of its CAR, and `since`, `prev` and `prevData` name what was there before. Two
 * things are made up: the signature is 64 random bytes, and the tree is one node with this commit's
 * records alone. So neither a signature nor a sync 1.1 proof can be verified. A repository begins
 * with a commit that writes, not with an empty one.
 *
 * @example
 * const frames = [...generateCommits({ seed: 7, count: 100 })].map(encodeMessage)
 */
export function* generateCommits(
  options: GenerateCommitsOptions = {},
): Generator<FirehoseMessage, void, undefined> {
  const {
    seed = 1,
    count = Number.POSITIVE_INFINITY,
    firstSeq = 1,
    everyUs = 1000,
    operationsPerCommit = 3,
    flaws = [],
  } = options
  const next = random(seed)
  const repos = makeRepos(next, options)
  const making: CommitMaking = {
    next,
    pickCollection: weighted(next, options.collections ?? MIX),
    operationsPerCommit,
  }
  let timeUs = options.startUs ?? 1_767_225_600_000_000
  for (let n = 0; n < count; n++) {
    const repo = pick(next, repos)
    yield message(making, repo, { seq: firstSeq + n, timeUs, flaw: flawOf(flaws, n + 1) })
    // Leaves room for the operations of one commit: each has its own rkey.
    timeUs += operationsPerCommit + integer(next, 2 * everyUs)
  }
}

function makeRepos(
  next: () => number,
  { repos = 1000, dids }: GenerateCommitsOptions,
): readonly GeneratedRepository[] {
  const names = dids ?? Array.from({ length: repos }, () => generateDid(next))
  return names.map((did) => ({
    did,
    clock: integer(next, 1024),
    held: [],
    rev: null,
    head: undefined,
    data: undefined,
  }))
}

/** Picks a collection by its weight. */
function weighted(next: () => number, weights: Readonly<Record<string, number>>): () => string {
  let all = 0
  const limits = Object.entries(weights).map(([collection, weight]) => {
    all += weight
    return { collection, limit: all }
  })
  const last = limits.at(-1)
  if (last === undefined) throw new Error('`collections` must name at least one')
  return () => {
    const part = next() * all
    return (limits.find(({ limit }) => part < limit) ?? last).collection
  }
}

interface CommitPosition {
  readonly seq: number
  readonly timeUs: number
  readonly flaw: CommitFlaw | undefined
}

function message(
  making: CommitMaking,
  repo: GeneratedRepository,
  at: CommitPosition,
): FirehoseMessage {
  const kind = making.next()
  if (at.flaw !== undefined || kind < 0.977) return commit(making, repo, at)
  const { did } = repo
  const stamp = { seq: at.seq, time: iso(at.timeUs) }
  if (kind < 0.987)
    return {
      t: '#identity',
      body: {
        did,
        ...stamp,
        ...(making.next() < 0.5 ? { handle: `${did.slice(8, 16)}.test` } : {}),
      },
    }
  if (kind < 0.997 || repo.head === undefined || repo.rev === null)
    return account(making.next, did, stamp)
  return {
    t: '#sync',
    body: { did, ...stamp, rev: repo.rev, blocks: toBytes(carOf(repo.head, [repo.head])) },
  }
}

function account(
  next: () => number,
  did: string,
  stamp: { readonly seq: number; readonly time: string },
): FirehoseMessage {
  const state = next() < 0.6 ? { active: true } : { active: false, status: pick(next, STATUSES) }
  return { t: '#account', body: { did, ...stamp, ...state } }
}

function commit(
  making: CommitMaking,
  repo: GeneratedRepository,
  at: CommitPosition,
): FirehoseMessage {
  const author = { clock: repo.clock, timeUs: at.timeUs }
  const operations = operationsOf(making, repo, author, at.flaw)
  const records = operations.flatMap(({ block }) => block ?? [])
  const tree = treeOf(operations.map(({ op }) => op))
  const rev = tid(at.timeUs, repo.clock)
  const sig = toBytes(signature(making.next))
  const head = blockOf({ did: repo.did, rev, sig, data: linkTo(tree), prev: null, version: 3 })
  const body: CommitBody = {
    seq: at.seq,
    time: iso(at.timeUs),
    repo: repo.did,
    rev,
    since: repo.rev,
    commit: linkTo(head),
    blocks: toBytes(carOf(head, blocksIn(head, tree, records, at.flaw))),
    ops: operations.map(({ op }) => op),
    blobs: [],
    ...(repo.data ? { prevData: repo.data } : {}),
    rebase: false,
    tooBig: at.flaw === 'too-big',
  }
  Object.assign(repo, { rev, head, data: linkTo(tree) })
  return at.flaw === 'truncated' ? { t: '#commit', body, truncated: true } : { t: '#commit', body }
}

function blocksIn(
  head: Block,
  tree: Block,
  [first, ...others]: readonly Block[],
  flaw: CommitFlaw | undefined,
): readonly Block[] {
  if (flaw === 'too-big') return [head]
  if (first === undefined) return [head, tree]
  if (flaw === 'missing-block') return [head, tree, ...others]
  if (flaw === 'wrong-block')
    return [head, tree, { cid: first.cid, data: EMPTY_TREE.data }, ...others]
  return [head, tree, first, ...others]
}

function signature(next: () => number): Uint8Array {
  const bytes = Buffer.allocUnsafe(SIGNATURE_BYTES)
  for (let at = 0; at < SIGNATURE_BYTES; at += 4)
    bytes.writeUInt32LE(integer(next, 0x1_0000_0000), at)
  return bytes
}

const iso = (timeUs: number): string => new Date(timeUs / 1000).toISOString()
