import { filter, type Observable } from 'rxjs'
import {
  type FirehoseEvent,
  firehose$,
  ingest,
  isCommit,
  isCreate,
  isDelete,
  isIdentity,
  type JetstreamEvent,
} from 'rxjs-atproto'
import { exactly, type Like, type Post, type Records } from './expect-type.js'

const event = null as unknown as FirehoseEvent<Records>
const plain = null as unknown as FirehoseEvent

// A record may be missing, and then its event says why.
if (isCreate('app.bsky.feed.post')(event)) {
  exactly<typeof event.commit.operation, 'create'>(true)
  exactly<typeof event.commit.record, Post | undefined>(true)
  // @ts-expect-error it may not be there
  event.commit.record.text
  if (event.commit.problem === undefined) exactly<typeof event.commit.record, Post>(true)
  exactly<typeof event.commit.cid, string>(true)
  exactly<typeof event.commit.commit, string>(true)
  exactly<typeof event.commit.since, string | undefined>(true)
}

// A delete has neither a record nor a problem.
if (isDelete('app.bsky.feed.like')(event)) {
  exactly<typeof event.commit.prev, string | undefined>(true)
  // @ts-expect-error there is nothing left of it
  event.commit.record.text
}

// Every event has a sequence number, and the time as the wire wrote it.
exactly<typeof event.cursor, number>(true)
exactly<typeof plain.time, string>(true)
if (isIdentity(event)) exactly<typeof event.identity.seq, number>(true)

// One event model: what takes the events of a Jetstream takes these, where records are not typed.
const takesJetstream = (one: JetstreamEvent): string => one.did
takesJetstream(plain)

// @ts-expect-error only a commit has one
plain.commit

firehose$<Records>().pipe(
  filter(isCommit),
  ingest({
    'app.bsky.feed.like': ({ commit }) =>
      void exactly<typeof commit.collection, 'app.bsky.feed.like'>(true),
    '*': () => {},
  }),
)
exactly<
  ReturnType<typeof firehose$<{ 'app.bsky.feed.like': Like }>>,
  Observable<FirehoseEvent<{ 'app.bsky.feed.like': Like }>>
>(true)

// @ts-expect-error an option of Jetstream
firehose$({ wire: 'v1' })
