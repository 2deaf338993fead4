import { filter, map } from 'rxjs'
import {
  type AtprotoEvent,
  type DeleteEvent,
  eventsOf,
  type FirehoseCommitEvent,
  type FirehoseEvent,
  firehose$,
  isReply,
  isRootPost,
  type JetstreamEvent,
  jetstream$,
  mentions,
  type RecordEvent,
  tap$,
  uriOf,
  withDeleted,
} from 'rxjs-atproto'
import { exactly, type Post, type Records } from './expect-type.js'

// The names of the parts of an event hold for a Jetstream and a firehose alike.
const any = (event: AtprotoEvent): string => event.did
const jetstream = (event: JetstreamEvent): string => any(event)
const firehose = (event: FirehoseEvent): string => any(event)
jetstream$().pipe(map(jetstream))
firehose$().pipe(map(firehose))

const put = (event: RecordEvent): unknown => event.commit.record
const gone = (event: DeleteEvent): string => event.commit.rkey
function apply(event: FirehoseCommitEvent): unknown {
  const { commit } = event
  if (commit.operation === 'delete') return gone({ ...event, commit })
  return put({ ...event, commit })
}
firehose$()
  .pipe(filter((event) => event.kind === 'commit'))
  .subscribe(apply)

const typed = (event: RecordEvent<Post, 'app.bsky.feed.post'>): string => {
  exactly<typeof event.commit.collection, 'app.bsky.feed.post'>(true)
  return event.commit.record.text
}
// @ts-expect-error a delete has no record
typed({} as DeleteEvent)
// @ts-expect-error an identity is no record
put({} as Extract<AtprotoEvent, { readonly kind: 'identity' }>)

// Guards of posts narrow to what was written.
jetstream$<Records>()
  .pipe(filter(isReply))
  .subscribe(({ commit }) => exactly<typeof commit.record, Post>(true))
jetstream$<Records>()
  .pipe(filter(mentions('did:plc:a')), filter(isRootPost))
  .subscribe(({ commit }) => exactly<typeof commit.collection, 'app.bsky.feed.post'>(true))

// An event keeps its type beside what was deleted.
const store = { get: () => {}, put: () => {}, delete: () => {} }
jetstream$<Records>()
  .pipe(withDeleted(store))
  .subscribe((event) => exactly<typeof event.deleted, unknown>(true))
tap$({ host: 'localhost:2480' }).pipe(withDeleted(store), map(uriOf))
// @ts-expect-error a store that does not delete
jetstream$().pipe(withDeleted({ get: () => {}, put: () => {} }))

async function loop(): Promise<void> {
  for await (const event of eventsOf(jetstream$<Records>())) {
    exactly<typeof event, JetstreamEvent<Records>>(true)
  }
}
void loop
