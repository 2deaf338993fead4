import { readFileSync } from 'node:fs'
import { fakeJetstream, generateEvents } from 'rxjs-atproto/testing'
import { answer, taskOf } from './child.js'

/**
 * What the server of a bench has to offer. It answers with its URL, and `'offered'` when the last
 * of it is in the log.
 */
export interface Offer {
  readonly events: number
  /**
   * Live, at this rate, from the first connection on. Without it all events lie in the log
   * beforehand, serialised.
   */
  readonly ratePerSecond?: number
  /** Of the second version: it answers with its host. */
  readonly server?: 'v2'
  /** The file of the dictionary that both wires compress with. */
  readonly dictionary?: string
}

const { events, ratePerSecond, server: kind, dictionary } = taskOf<Offer>()
const server = await fakeJetstream({
  ...(ratePerSecond === undefined
    ? { events, stored: 'all' }
    : { events: offered(), ratePerSecond }),
  // How long a reader may block is the reader's own question here.
  writeTimeoutMs: Number.POSITIVE_INFINITY,
  ...(kind && { server: kind }),
  ...(dictionary && { dictionary: readFileSync(dictionary) }),
})
answer(kind === 'v2' ? server.host : server.url)

function* offered() {
  yield* generateEvents({ count: events })
  answer('offered')
}
