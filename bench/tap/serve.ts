import { fakeTap, generateTapEvents } from 'rxjs-atproto/testing'
import { answer, taskOf } from '../tools/child.js'

/**
 * What the server of a run has to offer: live events without an end, each repository's one after
 * the other.
 */
export interface TapOffer {
  readonly dids: number
}

const { dids } = taskOf<TapOffer>()
// No copies: how each contender deals with those is not the question.
const tap = await fakeTap({
  events: generateTapEvents({ dids }),
  capacity: 20 * dids,
  retryTimeoutMs: 600_000,
})
answer(tap.url)
