import {
  filter,
  firstValueFrom,
  lastValueFrom,
  type Observable,
  takeWhile,
  tap,
  toArray,
} from 'rxjs'
import {
  type Gap,
  type JetstreamConfig,
  type JetstreamEvent,
  jetstream$,
  type RejectedFrame,
  type StreamMetrics,
  streamMetrics,
} from '../../src/index.js'
import {
  type FakeJetstream,
  type GenerateEventsOptions,
  generateEvents,
} from '../../src/testing/index.js'
import { Changes } from '../../src/testing/server/changes.js'
import { expectBalanced } from '../helpers/streams.js'

export { first } from '../helpers/streams.js'

/** A source and all that it told beside its events. */
export interface Watched {
  readonly events$: Observable<JetstreamEvent>
  readonly gaps: readonly Gap[]
  readonly rejects: readonly RejectedFrame[]
  readonly metrics: StreamMetrics
  readonly snapshots: readonly StreamMetrics[]
  /** Resolves with the first snapshot that this is true of. */
  when(holds: (metrics: StreamMetrics) => boolean): Promise<StreamMetrics>
  /** When so many events have come. Metrics, and so `when`, may tell of it a second later. */
  received(count: number): Promise<void>
}

const all: Watched[] = []

// At the end of every spec, and at every snapshot before it.
afterEach(() => {
  for (const watched of all.splice(0))
    for (const snapshot of watched.snapshots) expectBalanced(snapshot)
})

/** Wire v1 of this server, dialled again at once, with an eye on its ledger. */
export function watched(server: Pick<FakeJetstream, 'url'>, config: JetstreamConfig = {}): Watched {
  const gaps: Gap[] = []
  const rejects: RejectedFrame[] = []
  const snapshots: StreamMetrics[] = []
  const metrics$ = streamMetrics()
  const changes = new Changes()
  let received = 0
  metrics$.subscribe((snapshot) => snapshots.push(snapshot))
  const events$ = jetstream$({
    wire: 'v1',
    host: server.url,
    reconnect: { initialDelayMs: 10, jitter: 'none' },
    metrics$,
    gaps: { next: (gap) => gaps.push(gap) },
    rejects: { next: (rejected) => rejects.push(rejected) },
    ...config,
  }).pipe(
    tap(() => {
      received += 1
      changes.notify()
    }),
  )
  const one: Watched = {
    events$,
    gaps,
    rejects,
    snapshots,
    get metrics() {
      return metrics$.value
    },
    when: (holds) => firstValueFrom(metrics$.pipe(filter(holds))),
    received: (count) => changes.when(() => received === count),
  }
  all.push(one)
  return one
}

/** All values up to the one that this is true of. */
export const until = <T>(
  source$: Observable<T>,
  isLast: (value: T) => boolean,
): Promise<readonly T[]> =>
  lastValueFrom(
    source$.pipe(
      takeWhile((value) => !isLast(value), true),
      toArray(),
    ),
  )

export const generated = (
  count: number,
  options: GenerateEventsOptions = {},
): readonly JetstreamEvent[] => [...generateEvents({ ...options, count })]

export const timesOf = (events: readonly JetstreamEvent[]): readonly number[] =>
  events.map((event) => event.time_us)

/** What the event says without its position, which a server may hand out anew. */
export const bodyOf = ({ did, time_us: _, cursor: __, ...body }: JetstreamEvent): unknown => ({
  did,
  ...body,
})

/** The cursors that the server was asked for, by each connection that it accepted. */
export const cursorsOf = (server: FakeJetstream): readonly (number | undefined)[] =>
  server.connections.map(({ cursor }) => (cursor === undefined ? undefined : Number(cursor)))
