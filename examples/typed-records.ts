/**
 * Checks each post against a schema. What fails it is a reject: reported with its bytes, while the
 * stream goes on.
 */
import { filter, take } from 'rxjs'
import { isCreate, jetstream$ } from 'rxjs-atproto'
import { generateEvents } from 'rxjs-atproto/testing'
import * as z from 'zod'
import { jetstreamServer } from './server.js'

const post = z.object({
  text: z.string(),
  createdAt: z.iso.datetime(),
  langs: z.array(z.string()).optional(),
})
type Records = { 'app.bsky.feed.post': z.infer<typeof post> }

// Anybody can write anything into a repository: the first event is a post without a text.
const strange = {
  did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa',
  time_us: 1_767_225_599_000_000,
  kind: 'commit',
  commit: {
    rev: '3mbdaaaaaaa22',
    operation: 'create',
    collection: 'app.bsky.feed.post',
    rkey: '3mbdaaaaaaa22',
    record: { $type: 'app.bsky.feed.post', note: 'no text' },
    cid: 'bafyreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  },
} as const
const server = await jetstreamServer({ events: [strange, ...generateEvents({ count: 100 })] })

jetstream$<Records>({
  host: server.url,
  collections: ['app.bsky.feed.post'],
  records: { 'app.bsky.feed.post': post },
  rejects: { next: ({ error }) => console.log('rejected:', error.message) },
})
  .pipe(filter(isCreate('app.bsky.feed.post')), take(5))
  .subscribe({
    // `text` is a string, in the type and in fact.
    next: ({ commit }) => console.log(commit.record.text.toUpperCase()),
    complete: () => server.close(),
  })
