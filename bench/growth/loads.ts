import { filter, map, merge, type Observable, range } from 'rxjs'
import { type CommitEvent, firehose$, ingest, type JetstreamEvent, jetstream$ } from 'rxjs-atproto'
import { KNOWN } from './known.js'

/** What a load needs of its servers. */
export interface Servers {
  /** The port of a Jetstream without an end, on every address of this machine. */
  readonly jetstream: number
  /** The URL of a firehose. */
  readonly firehose: string
}

/** What is done for each event, at one size. Emits how many events there were. */
export type Load = (size: number, servers: Servers) => Observable<number>

const collection = (index: number): string => `app.bench.collection.n${index}`

/** Events of so many collections, one after the other. */
const events = (collections: number): Observable<CommitEvent> => {
  const all = Array.from({ length: collections }, (_, index) => ({
    did: 'did:plc:bench',
    time_us: 1,
    kind: 'commit' as const,
    commit: {
      rev: '3l',
      operation: 'delete' as const,
      collection: collection(index),
      rkey: 'self',
    },
  }))
  return range(0, Number.MAX_SAFE_INTEGER).pipe(map((n) => all[n % collections] as CommitEvent))
}

const live = (host: string): Observable<JetstreamEvent> =>
  jetstream$({ host: `ws://${host}`, wire: 'v1', log: false })

const counted = (events$: Observable<unknown>): Observable<number> =>
  events$.pipe(map((_, index) => index + 1))

export const CONTROL = 'control: collections looked up in a list'

export const LOADS: Readonly<Record<string, Load>> = {
  'collections routed by ingest': (size) => {
    const ingestors = Array.from({ length: size }, (_, index) => [collection(index), () => {}])
    return counted(events(size).pipe(ingest(Object.fromEntries(ingestors))))
  },

  'events received before': (_, { jetstream }) => counted(live(`127.0.0.1:${jetstream}`)),

  'hosts read side by side': (size, { jetstream }) =>
    counted(
      merge(
        ...Array.from({ length: size }, (_, index) => live(`127.0.0.${index + 1}:${jetstream}`)),
      ),
    ),

  'DIDs filtered on our side': (size, { firehose }) => {
    const nobody = Array.from({ length: size }, (_, index) => `did:plc:nobody${index}`)
    // What is left out is not seen: one repository in a hundred tells how far the stream is.
    const config = { host: firehose, cursor: 'oldest', log: false } as const
    return firehose$({ ...config, dids: [...nobody, KNOWN] }).pipe(map(({ cursor }) => cursor))
  },

  // Grows with its size: the check must see it.
  [CONTROL]: (size) => {
    const names = Array.from({ length: size }, (_, index) => collection(index))
    const isKnown = ({ commit }: CommitEvent) => names.find((name) => name === commit.collection)
    return counted(events(size).pipe(filter((event) => isKnown(event) !== undefined)))
  },
}
