import { fakeFirehose, generateCommits } from 'rxjs-atproto/testing'
import { answer, taskOf } from '../tools/child.js'
import { REPOSITORIES } from './known.js'

/** How many commits lie in its log. It answers with its URL. */
export interface Commits {
  readonly count: number
}

const { count } = taskOf<Commits>()
const events = generateCommits({ count, dids: REPOSITORIES, operationsPerCommit: 1 })
const server = await fakeFirehose({ events, stored: 'all' })
answer(server.url)
