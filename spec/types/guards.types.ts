import { filter, map } from 'rxjs'
import {
  type AccountEvent,
  type IdentityEvent,
  isAccount,
  isCommit,
  isCreate,
  isDelete,
  isIdentity,
  isSync,
  isUpdate,
  type JetstreamEvent,
  jetstream$,
  type SyncEvent,
} from 'rxjs-atproto'
import { exactly, type Like, type Post, type Records } from './expect-type.js'

const event = null as unknown as JetstreamEvent<Records>
const plain = null as unknown as JetstreamEvent

// Records have the type of their collection.
if (isCreate('app.bsky.feed.post')(event)) {
  exactly<typeof event.commit.record, Post>(true)
  exactly<typeof event.commit.operation, 'create'>(true)
  exactly<typeof event.commit.collection, 'app.bsky.feed.post'>(true)
  exactly<typeof event.commit.cid, string>(true)
  // @ts-expect-error a post is not a like
  event.commit.record.subject
}
if (isUpdate('app.bsky.feed.like')(event)) exactly<typeof event.commit.record, Like>(true)

// A delete has no record.
if (isDelete('app.bsky.feed.post')(event)) {
  // @ts-expect-error there is nothing left of it
  event.commit.record.text
  exactly<typeof event.commit.operation, 'delete'>(true)
}

// A collection that the map does not know is none of the stream's.
if (isCreate('com.example.thing')(event)) exactly<typeof event, never>(true)

// Without a map any collection can come, and its record has to be looked at.
if (isCreate('com.example.thing')(plain)) {
  exactly<typeof plain.commit.record, unknown>(true)
  // @ts-expect-error unknown until somebody has looked
  plain.commit.record.text
}

if (isCommit(event)) event.commit.rkey
if (isIdentity(event)) exactly<typeof event, IdentityEvent>(true)
if (isAccount(event)) exactly<typeof event, AccountEvent>(true)
if (isSync(event)) exactly<typeof event, SyncEvent>(true)

// @ts-expect-error only a commit has one
event.commit

// In a pipe.
jetstream$<Records>().pipe(
  filter(isCreate('app.bsky.feed.post')),
  map(({ commit }) => commit.record.text.length),
)
jetstream$<Records>().pipe(
  filter(isCreate('app.bsky.feed.post')),
  // @ts-expect-error a post has no such member
  map(({ commit }) => commit.record.subject),
)
jetstream$<Records>().pipe(
  filter(isIdentity),
  map(({ identity }) => identity.handle?.length),
)

// What comes from the wire is nobody's to change.
if (isCreate('app.bsky.feed.post')(event)) {
  // @ts-expect-error read only
  event.commit.rkey = 'self'
}
// @ts-expect-error a collection is text
isCreate(7)
