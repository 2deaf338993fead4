import { ComAtprotoSyncSubscribeRepos } from '@atcute/atproto'
import { fromUint8Array } from '@atcute/car'
import { type Bytes, type CidLink, decode, decodeFirst, fromBytes } from '@atcute/cbor'
import { toString as cidText } from '@atcute/cid'
import { FirehoseSubscription } from '@atcute/firehose'
import { Firehose } from '@skyware/firehose'
import { type FirehoseConfig, type FirehoseEvent, firehose$ } from 'rxjs-atproto'
import WebSocket from 'ws'
import { countFrames } from '../speed/count-frames.js'
import type { Operation } from './operations.js'
import type { Unit } from './serve.js'

/** What a contender says of what it reads. */
export interface FirehoseTally {
  /** A frame, for those that look into none. */
  frame(): void
  /** An operation. It is described in the warm-up alone: that is no part of the work. */
  operation<Op>(op: Op, describe: (op: Op) => Operation): void
  /** Received, and kept from the program. */
  withheld(reason: unknown): void
}

/** Reads everything that the server holds. */
export interface FirehoseContender {
  readonly counts: Unit
  /** The oldest major version of Node that it runs on. */
  readonly needsNode?: number
  read(url: string, tally: FirehoseTally, chosen: string): void | Promise<void>
}

export const COUNTED = 'frames counted only'
export const FLOOR = 'ws + two decodeFirst'
export const FLOOR_DECODED = `${FLOOR}, all records`
export const PLAIN = 'firehose$'
export const TENTH = 'firehose$, 10 % of records'
export const DECODED = 'firehose$, all records'
export const CHOSEN = 'firehose$, one collection'
const SYNC = '@atproto/sync'

const METHOD = '/xrpc/com.atproto.sync.subscribeRepos'

export const CONTENDERS: Readonly<Record<string, FirehoseContender>> = {
  [COUNTED]: {
    counts: 'frames',
    read: (url, { frame }) => countFrames(`${url}${METHOD}?cursor=0`, frame),
  },

  [FLOOR]: {
    counts: 'operations',
    read: (url, tally) => bareLoop(url, (body) => tellOps(body, tally)),
  },
  [FLOOR_DECODED]: {
    counts: 'operations',
    read: (url, tally) =>
      bareLoop(url, (body) => {
        decodeRecords(body)
        tellOps(body, tally)
      }),
  },

  [PLAIN]: ours({}, 0),
  [TENTH]: ours({}, 10),
  [DECODED]: ours({}, 1),
  [CHOSEN]: {
    ...ours({}, 1),
    counts: 'chosen',
    read: (url, tally, chosen) => ours({ collections: [chosen] }, 1).read(url, tally, chosen),
  },

  '@skyware/firehose': {
    counts: 'operations',
    read(url, tally) {
      const client = new Firehose({ relay: url, cursor: '0', ws: WebSocket })
      client.on('commit', ({ repo, ops }) => {
        for (const op of ops)
          tally.operation(op, ({ action, path, ...rest }) => ({
            did: repo,
            action,
            path,
            cid: 'cid' in rest ? rest.cid : undefined,
          }))
      })
      client.on('error', tally.withheld)
      client.start()
    },
  },

  '@atcute/firehose': atcute({}),
  '@atcute/firehose, not validated': atcute({ validateEvents: false }),

  [SYNC]: official('operations'),
  [`${SYNC}, one collection`]: official('chosen'),
}

// --- The floor ---

interface Body {
  readonly repo: string
  readonly ops?: readonly Op[]
  readonly blocks?: Bytes
}

interface Op {
  readonly action: string
  readonly path: string
  readonly cid: CidLink | null
}

function bareLoop(url: string, read: (body: Body) => void): void {
  new WebSocket(`${url}${METHOD}?cursor=0`, { perMessageDeflate: false }).on('message', (data) => {
    const [, rest] = decodeFirst(data as Buffer)
    const [body] = decodeFirst(rest)
    read(body as Body)
  })
}

function tellOps({ repo, ops = [] }: Body, tally: FirehoseTally): void {
  for (const op of ops)
    tally.operation(op, ({ action, path, cid }) => ({ did: repo, action, path, cid: cid?.$link }))
}

/** As simply as it goes: no hash is checked. */
function decodeRecords({ ops, blocks }: Body): void {
  if (ops === undefined || blocks === undefined) return
  const byCid = new Map<string, Uint8Array>()
  for (const { cid, bytes } of fromUint8Array(fromBytes(blocks))) byCid.set(cidText(cid), bytes)
  for (const { cid } of ops) {
    const block = cid === null ? undefined : byCid.get(cid.$link)
    if (block !== undefined) decode(block)
  }
}

// --- The clients ---

/** `readEvery`: how many operations there are to one whose record is read; 0 for none. */
function ours(filters: FirehoseConfig, readEvery: number): FirehoseContender {
  return {
    counts: 'operations',
    read(url, tally) {
      const rejects = { next: tally.withheld }
      let n = 0
      firehose$({ host: url, cursor: 'oldest', rejects, ...filters }).subscribe((event) => {
        if (event.kind !== 'commit') return
        if (readEvery > 0 && n++ % readEvery === 0) touch(event)
        tally.operation(event, described)
      })
    },
  }
}

type CommitEvent = Extract<FirehoseEvent, { kind: 'commit' }>

const described = ({ did, commit }: CommitEvent): Operation => ({
  did,
  action: commit.operation,
  path: `${commit.collection}/${commit.rkey}`,
  cid: 'cid' in commit ? commit.cid : undefined,
})

function touch({ commit }: CommitEvent): void {
  if ('record' in commit && commit.record === undefined) throw new Error('a record was not there')
}

/** It emits whole messages, whose blocks are bytes. */
function atcute(options: { readonly validateEvents?: boolean }): FirehoseContender {
  return {
    counts: 'operations',
    async read(url, tally) {
      const nsid = ComAtprotoSyncSubscribeRepos.mainSchema
      const messages = new FirehoseSubscription({
        service: url,
        // Made for another version of the library of lexicons: the types differ, what it does is
        // the same.
        nsid: nsid as never,
        params: { cursor: 0 } as never,
        ws: { WebSocket },
        onError: tally.withheld,
        ...options,
      })
      for await (const message of messages) tellOps(message as unknown as Body, tally)
    },
  }
}

/** Without the signatures, which nobody else looks at. */
function official(counts: Unit): FirehoseContender {
  return {
    counts,
    needsNode: 22,
    async read(url, tally, chosen) {
      const { Firehose: Official } = await import('@atproto/sync')
      await new Official({
        service: url,
        getCursor: () => 0,
        unauthenticatedCommits: true,
        excludeIdentity: true,
        idResolver: undefined as never,
        ...(counts === 'chosen' ? { filterCollections: [chosen] } : {}),
        onError: tally.withheld,
        handleEvent(event) {
          if ('collection' in event) tally.operation(event, officially)
        },
      }).start()
    },
  }
}

interface OfficialCommit {
  readonly event: string
  readonly did: string
  readonly collection: string
  readonly rkey: string
  readonly cid?: { toString(): string }
}

const officially = ({ event, did, collection, rkey, cid }: OfficialCommit): Operation => ({
  did,
  action: event,
  path: `${collection}/${rkey}`,
  cid: cid?.toString(),
})
