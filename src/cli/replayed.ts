import {
  defer,
  filter,
  finalize,
  from,
  map,
  merge,
  type Observable,
  Subject,
  switchMap,
  takeWhile,
} from 'rxjs'
import {
  type JetstreamConfig,
  type JetstreamEvent,
  jetstream$,
  type RejectedFrame,
} from '../index.js'
import {
  type FakeJetstream,
  type FakeJetstreamOptions,
  fakeJetstream,
  type Recording,
  readRecording,
} from '../testing/index.js'

/** How a recording is played. */
export type ReplayOptions = Pick<FakeJetstreamOptions, 'speed' | 'port'>

// A reader may come late, or again.
const KEPT_EVENTS = 100_000
// The longest timer: a replay waits for a slow reader without a limit.
const FOREVER_MS = 2 ** 31 - 1

/** Serves a recording on this machine. A slow reader is neither cut off nor skipped over. */
export const serveRecording = (
  recording: Recording,
  options: ReplayOptions = {},
): Promise<FakeJetstream> =>
  fakeJetstream({
    ...options,
    recording,
    retainEvents: KEPT_EVENTS,
    outboxEvents: Number.POSITIVE_INFINITY,
    writeTimeoutMs: Number.POSITIVE_INFINITY,
  })

/** Every frame of a file, as an event or as a reject; completes after the last one. */
export const replay$ = (
  path: string,
  config: JetstreamConfig,
  options?: ReplayOptions,
): Observable<JetstreamEvent> =>
  defer(() => readRecording(path)).pipe(
    switchMap((recording) =>
      served$(serveRecording(recording, options), (server) => played$(recording, server, config)),
    ),
  )

/** Reads a server, and closes it at the end. */
export const served$ = (
  starting: Promise<FakeJetstream>,
  read: (server: FakeJetstream) => Observable<JetstreamEvent>,
): Observable<JetstreamEvent> =>
  from(starting).pipe(switchMap((server) => read(server).pipe(finalize(() => void server.close()))))

function played$(
  recording: Recording,
  server: FakeJetstream,
  config: JetstreamConfig,
): Observable<JetstreamEvent> {
  const rejects$ = new Subject<RejectedFrame>()
  rejects$.subscribe(config.rejects)
  const host = recording.wire === 'v2' ? server.host : server.url
  // Some frames are of no event on a wire, so that fewer are sent than the file has.
  const sent$ = from(server.idle()).pipe(
    map(() => Math.min(recording.total ?? 0, server.connections.at(-1)?.sent ?? 0)),
  )
  let handled = 0
  let last = Number.POSITIVE_INFINITY
  return merge(
    jetstream$({ ...config, host, pauseCloseMs: FOREVER_MS, rejects: rejects$ }),
    rejects$,
    sent$,
  ).pipe(
    takeWhile((item) => {
      if (typeof item === 'number') last = item
      else handled += 1
      return handled < Math.min(last, recording.total ?? last)
    }, true),
    filter((item): item is JetstreamEvent => typeof item !== 'number' && !('frame' in item)),
  )
}
