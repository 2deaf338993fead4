import { of, timer } from 'rxjs'
import {
  type AccountEvent,
  type IngestOptions,
  type Ingestor,
  ingest,
  type JetstreamEvent,
  jetstream$,
  type RoutedTo,
  run,
  type TapEvent,
  tap$,
} from 'rxjs-atproto'
import { exactly, type Post, type Records } from './expect-type.js'

type Event = JetstreamEvent<Records>

// Each ingestor gets the events of its key.
jetstream$<Records>().pipe(
  ingest({
    'app.bsky.feed.post': (event) => {
      exactly<typeof event.commit.collection, 'app.bsky.feed.post'>(true)
      if (event.commit.operation === 'create') exactly<typeof event.commit.record, Post>(true)
      // @ts-expect-error a delete has no record
      event.commit.record.text
    },
    'app.bsky.feed.*': (event) =>
      exactly<typeof event.commit.collection, 'app.bsky.feed.post' | 'app.bsky.feed.like'>(true),
    account: (event) => exactly<typeof event, AccountEvent>(true),
    '*': (event) => exactly<typeof event, Event>(true),
  }),
)

// A prefix ends at a dot.
exactly<RoutedTo<Event, 'app.bsky.fee.*'>, never>(true)
exactly<RoutedTo<Event, 'com.example.*'>, never>(true)
exactly<RoutedTo<TapEvent, 'identity'>, Extract<TapEvent, { readonly type: 'identity' }>>(true)

// A map, whose handlers get every event.
const handlers = new Map([
  ['app.bsky.feed.post', (event: Event) => exactly<typeof event, Event>(true)],
])
jetstream$<Records>()
  .pipe(ingest(handlers, { orderBy: (event) => event.did }))
  .subscribe((event) => exactly<typeof event, Event>(true))
const dynamic = new Map<string, Ingestor<JetstreamEvent>>()
jetstream$().pipe(ingest(dynamic))
// @ts-expect-error the handlers want events of a Tap
jetstream$().pipe(ingest(new Map<string, Ingestor<TapEvent>>()))

// The same without a pipe.
run(jetstream$<Records>(), {
  'app.bsky.feed.post': (event) =>
    exactly<typeof event.commit.collection, 'app.bsky.feed.post'>(true),
})
run(jetstream$<Records>(), handlers, { orderBy: (event) => event.did, signals: true })
// @ts-expect-error not a function
run(jetstream$(), { '*': 'save' })

// The stream goes on with the events it had.
jetstream$<Records>()
  .pipe(ingest({ '*': () => {} }))
  .subscribe((event) => exactly<typeof event, Event>(true))
tap$({ host: 'localhost:2480' })
  .pipe(ingest({ 'app.bsky.feed.post': (event) => exactly<typeof event.type, 'record'>(true) }))
  .subscribe((event) => exactly<typeof event, TapEvent>(true))

// What a handler may answer.
const log = (_event: unknown): void => {}
jetstream$().pipe(
  ingest({
    'app.bsky.feed.post': (event) => log(event),
    'app.bsky.feed.like': async () => 7,
    'app.bsky.feed.repost': () => of(1, 2),
    'app.bsky.graph.follow': () => timer(10),
    'app.bsky.graph.block': () => undefined,
    identity: log,
  }),
)
jetstream$().pipe(
  // @ts-expect-error a number is nothing to wait for: a forgotten `await` looks like this
  ingest({ '*': () => 7 }),
)

// @ts-expect-error not a function
jetstream$().pipe(ingest({ '*': 'save' }))

// The options.
const options: IngestOptions<Event> = {
  onError: 'skip',
  onDeadLetter: (event, error) => {
    exactly<typeof event, Event>(true)
    exactly<typeof error, unknown>(true)
  },
  orderBy: ({ did }) => did,
}
jetstream$<Records>().pipe(ingest({ '*': log }, options))
// @ts-expect-error no such policy
jetstream$().pipe(ingest({ '*': log }, { onError: 'ignore' }))
// @ts-expect-error `retries` is spelled `attempts`
jetstream$().pipe(ingest({ '*': log }, { retries: 3 }))
// @ts-expect-error a time in milliseconds is a number
jetstream$().pipe(ingest({ '*': log }, { drainMs: '5s' }))
// @ts-expect-error routing needs a `kind` or a `type`
of({ did: 'did:plc:a' }).pipe(ingest({ '*': log }))
