import 'reflect-metadata'
import { Test } from '@nestjs/testing'
import { isCreate } from 'rxjs-atproto'
import { AtprotoTesting, AtprotoTestingModule } from 'rxjs-atproto/nest'
import { generateEvents } from 'rxjs-atproto/testing'
import { Journal } from '../src/journal.js'
import { Posts } from '../src/posts.js'

/** What the service writes of generated events, without a socket. For both runners of tests. */
export async function written(): Promise<{
  readonly lines: readonly string[]
  readonly posts: number
}> {
  const lines: string[] = []
  const journal = { write: async (_: string, ...keys: string[]) => void lines.push(...keys) }
  const app = await Test.createTestingModule({
    imports: [AtprotoTestingModule],
    providers: [Posts, { provide: Journal, useValue: journal }],
  }).compile()
  await app.init()
  const testing = app.get(AtprotoTesting)
  const events = [...generateEvents({ count: 100 })].filter(isCreate('app.bsky.feed.post'))
  for (const event of events) testing.emit(event)
  await testing.drained()
  await app.close()
  return { lines, posts: events.length }
}
