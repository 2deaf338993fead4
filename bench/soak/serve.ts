import { fakeJetstream, generateEvents } from 'rxjs-atproto/testing'
import { answer, taskOf } from '../tools/child.js'

// Far more than a reader is behind, and little beside all that there is.
const RETAINED = 20_000

const { events } = taskOf<{ readonly events: number }>()
const server = await fakeJetstream({
  events: generateEvents({ count: events }),
  retainEvents: RETAINED,
  outboxEvents: RETAINED,
  writeTimeoutMs: Number.POSITIVE_INFINITY,
})
answer(server.url)
