import type { AccountEvent, CommitEvent, IdentityEvent, JetstreamEvent } from 'rxjs-atproto'
import {
  type FakeTapEvent,
  type FirehoseMessage,
  generateCommits,
  opsOf,
  type SentOp,
} from 'rxjs-atproto/testing'
import { operationId, otherId } from './ids.js'
import type { Sent } from './judge.js'

const REPOS = 12
// Ten seconds, the first step back of a stream that asks by time, are some ninety events.
const EVERY_US = 200_000
const START_US = 1_767_225_600_000_000

/** One event of the story on one wire, and what the judge is to know of it. */
export interface FedItem<Item> {
  readonly item: Item
  readonly sent: readonly Sent[]
}

/** What happens on a made-up network, told to each server in its own words. */
export class Story {
  readonly #messages: Iterator<FirehoseMessage>
  #timeUs = START_US
  #group = 0

  /** `collections`: the weight of each. @default a mix like the network's */
  constructor(seed: number, collections?: Readonly<Record<string, number>>) {
    const mix = collections === undefined ? {} : { collections }
    this.#messages = generateCommits({ seed, repos: REPOS, everyUs: EVERY_US, ...mix })
  }

  /** As messages of a firehose: the operations of one commit are one group. */
  firehose(count: number): readonly FedItem<FirehoseMessage>[] {
    return this.#next(count).map((item) => ({ item, sent: this.#sentOf(item, ++this.#group) }))
  }

  /**
   * As events of a Jetstream: each operation by itself. On a v2 server those of a commit share
   * their time.
   */
  jetstream(count: number, server: 'legacy' | 'v2'): readonly FedItem<JetstreamEvent>[] {
    return this.#next(count).flatMap((message) => {
      this.#timeUs += EVERY_US
      const items = jetstreamEventsOf(message, (n) => this.#timeUs + (server === 'v2' ? 0 : n))
      const sent = this.#sentOf(message, 0)
      return items.map((item, n) => ({
        item,
        sent: sent.slice(n, n + 1).map((one) => ({ ...one, group: ++this.#group })),
      }))
    })
  }

  /** As live events of a Tap: records alone. */
  tap(count: number): readonly FedItem<FakeTapEvent>[] {
    return this.#next(count).flatMap((message) =>
      opsOf(message).map((op) => ({
        item: tapEventOf(op),
        sent: [operationSent(op, ++this.#group)],
      })),
    )
  }

  #next(count: number): readonly FirehoseMessage[] {
    return Array.from({ length: count }, () => this.#messages.next().value as FirehoseMessage)
  }

  #sentOf(message: FirehoseMessage, group: number): readonly Sent[] {
    if (message.t === '#commit') return opsOf(message).map((op) => operationSent(op, group))
    const { did, time } = message.body
    const kind = message.t.slice(1)
    return [{ id: otherId(kind, did, time), lane: did, key: `${kind} ${did}`, value: time, group }]
  }
}

function operationSent({ did, rev, path, cid }: SentOp, group: number): Sent {
  const [collection = '', rkey = ''] = path.split('/')
  const id = operationId(did, rev, collection, rkey)
  return { id, lane: did, key: `${did} ${path}`, value: cid === null ? undefined : id, group }
}

function jetstreamEventsOf(
  message: FirehoseMessage,
  timeOf: (n: number) => number,
): readonly JetstreamEvent[] {
  switch (message.t) {
    case '#commit':
      return opsOf(message).map((op, n) => commitEventOf(op, timeOf(n)))
    case '#identity':
      return [
        {
          did: message.body.did,
          time_us: timeOf(0),
          kind: 'identity',
          identity: message.body,
        } as IdentityEvent,
      ]
    case '#account':
      return [
        {
          did: message.body.did,
          time_us: timeOf(0),
          kind: 'account',
          account: message.body,
        } as AccountEvent,
      ]
    default:
      return []
  }
}

function commitEventOf(
  { did, rev, action, path, cid, record }: SentOp,
  time_us: number,
): CommitEvent {
  const [collection = '', rkey = ''] = path.split('/')
  const content = cid === null ? {} : { record, cid }
  return {
    did,
    time_us,
    kind: 'commit',
    commit: { rev, operation: action, collection, rkey, ...content },
  } as CommitEvent
}

function tapEventOf({ did, rev, action, path, cid, record }: SentOp): FakeTapEvent {
  const [collection = '', rkey = ''] = path.split('/')
  return {
    type: 'record',
    live: true,
    did,
    rev,
    collection,
    rkey,
    action,
    ...(cid === null ? {} : { record, cid }),
  }
}
