import {
  type AccountEvent,
  type AtprotoEvent,
  type BatchContext,
  boundedBatchMap,
  type DeleteEvent,
  type Gap,
  type IdentityEvent,
  jetstream$,
  type LabelEvent,
  labels$,
  type RecordEvent,
  run,
  type TapIdentityEvent,
  type TapRecordEvent,
} from '../../src/index.js'
import {
  AtprotoModule,
  OnAccount,
  OnBatch,
  OnDeadLetter,
  OnDelete,
  OnGap,
  OnIdentity,
  OnLabel,
  OnRecord,
} from '../../src/nest/index.js'

interface Post {
  readonly text: string
}
declare const schema: {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => { readonly value: Post }
  }
}

export class Handlers {
  @OnRecord('app.bsky.feed.post') one(_: RecordEvent<Post>) {}
  @OnRecord('app.bsky.feed.post', schema) checked(_: RecordEvent<Post>) {}
  @OnRecord('app.bsky.feed.post', { schema, stream: 'tap' }) tap(_: TapRecordEvent<Post>) {}
  @OnRecord('app.bsky.feed.post') either(_: RecordEvent | TapRecordEvent) {}
  @OnRecord('app.bsky.feed.post') any(_: AtprotoEvent) {}
  @OnRecord('app.bsky.feed.post') none() {}
  @OnDelete('app.bsky.feed.post') async gone(_: DeleteEvent) {}
  @OnIdentity() @OnAccount() who(_: IdentityEvent | AccountEvent) {}
  @OnIdentity({ stream: 'tap' }) tapped(_: TapIdentityEvent) {}
  @OnBatch('app.bsky.feed.like') likes(_: readonly RecordEvent<Post>[]) {}
  @OnBatch('app.bsky.feed.like') rows(_: readonly RecordEvent[], { position }: BatchContext) {
    position satisfies string | undefined
  }
  @OnBatch('app.bsky.feed.like', { deletes: true }) all(
    _: readonly (RecordEvent | DeleteEvent)[],
  ) {}
  @OnDeadLetter() letter(_: AtprotoEvent, __: unknown) {}
  @OnLabel() label(_: LabelEvent) {}
  @OnGap() gap(_: Gap) {}

  // @ts-expect-error a write is no delete
  @OnRecord('app.bsky.feed.post') wrong(_: DeleteEvent) {}
  // @ts-expect-error the schema has another type
  @OnRecord('app.bsky.feed.post', schema) other(_: RecordEvent<{ readonly likes: number }>) {}
  // @ts-expect-error a batch has several
  @OnBatch('app.bsky.feed.like') single(_: RecordEvent) {}
  // @ts-expect-error nobody gives a second value
  @OnRecord('app.bsky.feed.post') two(_: RecordEvent, __: number) {}
}

AtprotoModule.forRoot({ source: { jetstream: {} }, ingest: { orderBy: (event) => event.did } })
// @ts-expect-error a Jetstream has no such option
AtprotoModule.forRoot({ source: { jetstream: { hots: 'a' } } })
// @ts-expect-error a further stream needs a name
AtprotoModule.forFeature({ source: { tap: {} } })

run(
  jetstream$(),
  boundedBatchMap((events) => [events[0]?.did]),
  { drainMs: 10 },
)
run(
  labels$({ host: 'a' }),
  boundedBatchMap((events) => [events[0]?.val]),
)
