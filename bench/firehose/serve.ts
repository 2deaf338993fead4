import { type FirehoseMessage, fakeFirehose, generateCommits } from 'rxjs-atproto/testing'
import { answer, taskOf } from '../tools/child.js'
import { Digest } from './operations.js'

/**
 * What the server has to offer: frames that lie in its log beforehand, the first of them to warm up
 * with.
 */
export interface FirehoseOffer {
  readonly warmup: number
  readonly frames: number
  /** The collection that a narrow filter asks for. */
  readonly chosen: string
}

/**
 * What contenders count: some count whole frames, some each operation, some only those of the
 * chosen collection.
 */
export type Unit = 'frames' | 'operations' | 'chosen'

export interface Expected {
  /** How many there are in the warm-up. */
  readonly warmup: number
  /** How many behind it. */
  readonly rest: number
  /** Of the operations of the warm-up. */
  readonly digest: string
}

export interface Offered {
  readonly url: string
  readonly expected: Readonly<Record<Unit, Expected>>
}

class Count {
  readonly #digest = new Digest()
  #warmup = 0
  #rest = 0

  add(isWarmup: boolean, operation?: Parameters<Digest['add']>[0]): void {
    if (!isWarmup) this.#rest += 1
    else {
      this.#warmup += 1
      if (operation !== undefined) this.#digest.add(operation)
    }
  }

  get expected(): Expected {
    return { warmup: this.#warmup, rest: this.#rest, digest: this.#digest.text }
  }
}

const { warmup, frames, chosen } = taskOf<FirehoseOffer>()
const counts = { frames: new Count(), operations: new Count(), chosen: new Count() }
const server = await fakeFirehose({ events: counted(), stored: 'all' })
const expected = {
  frames: counts.frames.expected,
  operations: counts.operations.expected,
  chosen: counts.chosen.expected,
}
answer({ url: server.url, expected } satisfies Offered)

function* counted(): Generator<FirehoseMessage> {
  let frame = 0
  for (const message of generateCommits({ count: warmup + frames })) {
    count(message, frame++ < warmup)
    yield message
  }
}

function count({ t, body }: FirehoseMessage, isWarmup: boolean): void {
  counts.frames.add(isWarmup)
  if (t !== '#commit') return
  for (const { action, path, cid } of body.ops) {
    const operation = { did: body.repo, action, path, cid: cid?.$link }
    counts.operations.add(isWarmup, operation)
    if (path.startsWith(`${chosen}/`)) counts.chosen.add(isWarmup, operation)
  }
}
