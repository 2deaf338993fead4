import { filter, firstValueFrom, type Observable } from 'rxjs'
import {
  type RejectedFrame,
  type StreamMetrics,
  streamMetrics,
  type TapConfig,
  type TapEvent,
  type TapRecordEvent,
  tap$,
} from '../../../src/index.js'
import type { FakeTap } from '../../../src/testing/index.js'
import { expectBalanced } from '../../helpers/streams.js'

export { first } from '../../helpers/streams.js'

/** A source and all that it told beside its events. */
export interface Tapped {
  readonly events$: Observable<TapEvent>
  readonly rejects: readonly RejectedFrame[]
  readonly metrics: StreamMetrics
  readonly snapshots: readonly StreamMetrics[]
  /** Resolves with the first snapshot that this is true of. */
  when(holds: (metrics: StreamMetrics) => boolean): Promise<StreamMetrics>
}

const all: Tapped[] = []

// At the end of every spec, for every snapshot before it.
afterEach(() => {
  for (const { snapshots } of all.splice(0))
    for (const snapshot of snapshots) expectBalanced(snapshot)
})

/** `tap$` on this server, dialled again at once, with an eye on its ledger. */
export function tapped(server: Pick<FakeTap, 'url'>, config: TapConfig = {}): Tapped {
  const rejects: RejectedFrame[] = []
  const snapshots: StreamMetrics[] = []
  const metrics$ = streamMetrics()
  metrics$.subscribe((snapshot) => snapshots.push(snapshot))
  const events$ = tap$({
    host: server.url,
    reconnect: { initialDelayMs: 10, jitter: 'none' },
    metrics$,
    rejects: { next: (rejected) => rejects.push(rejected) },
    ...config,
  })
  const one: Tapped = {
    events$,
    rejects,
    snapshots,
    get metrics() {
      return metrics$.value
    },
    when: (holds) => firstValueFrom(metrics$.pipe(filter(holds))),
  }
  all.push(one)
  return one
}

/** Work that ends when the spec says so. */
export class Work {
  /** What was started, in order. */
  readonly started: TapEvent[] = []
  /** What ended well, in order. */
  readonly ended: TapEvent[] = []
  readonly #ends = new Map<TapEvent, (error?: Error) => void>()
  #changed = () => {}

  readonly handle = (event: TapEvent): Promise<TapEvent> => {
    this.started.push(event)
    return new Promise((resolve, reject) => {
      this.#ends.set(event, (error) => {
        if (error !== undefined) reject(error)
        else {
          this.ended.push(event)
          resolve(event)
        }
      })
      this.#changed()
    })
  }

  get ids(): readonly number[] {
    return this.started.map(({ id }) => id)
  }

  /** Resolves when so many were started. */
  async startedSo(count: number): Promise<void> {
    while (this.started.length < count) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
  }

  /** Ends the n-th that was started, counted from 1. */
  end(n: number, error?: Error): void {
    const event = this.started[n - 1]
    if (event === undefined) throw new Error(`only ${this.started.length} were started`)
    this.#ends.get(event)?.(error)
  }
}

export const ALICE = 'did:plc:aliceaaaaaaaaaaaaaaaaaaa'
export const BOB = 'did:plc:bobbbbbbbbbbbbbbbbbbbbbb'

/** A record of this repository, as live as is asked for. */
export const record = (did: string, rkey: string, live = true): Omit<TapRecordEvent, 'id'> => ({
  type: 'record',
  live,
  did,
  rev: '3n2t5t7jyyk27',
  collection: 'app.bsky.feed.post',
  rkey,
  action: 'create',
  record: { $type: 'app.bsky.feed.post', text: rkey },
  cid: 'bafyreibssssdvmgcbgfok7ozj7tfmzgkjbxdhj2ssmas7bjpxlaxgpvt5u',
})

export const records = (
  did: string,
  count: number,
  live = true,
): readonly Omit<TapRecordEvent, 'id'>[] =>
  Array.from({ length: count }, (_, index) => record(did, `r${index + 1}`, live))

export const idsOf = (events: readonly TapEvent[]): readonly number[] => events.map(({ id }) => id)

/** The rkeys, which tell the events of {@link records} apart whatever their ids. */
export const rkeysOf = (events: readonly TapEvent[]): readonly string[] =>
  events.map((event) => (event.type === 'record' ? event.rkey : event.handle))
