import {
  catchError,
  defer,
  exhaustMap,
  filter,
  from,
  map,
  mergeMap,
  type Observable,
  of,
  tap,
  timer,
} from 'rxjs'
import { ProxyError, RefusedError, StreamError, WireError } from '../../errors.js'
import type { LiteralUnion } from '../../internal/literal-union.js'
import type { TapRepoInfo } from './admin.js'

/**
 * The state of a repository in a Tap. `'untracked'`: the server does not track it. `'unknown'`: the
 * request failed. The other states are the server's own; states that it adds later are passed on.
 */
export type TapRepoState = LiteralUnion<
  'pending' | 'desynchronized' | 'resyncing' | 'active' | 'error' | 'untracked' | 'unknown'
>

/** A change of a repository's state between two polls. */
export interface TapRepoChange {
  readonly did: string
  readonly state: TapRepoState
  /** The state at the last poll; `undefined` at the first. */
  readonly previous: TapRepoState | undefined
  /**
   * The server's report, with the `error` of a repository in that state. Absent for `'untracked'`
   * and `'unknown'`.
   */
  readonly info?: TapRepoInfo
  /** Why the request failed, if the state is `'unknown'`. */
  readonly error?: StreamError
}

type Poll = Omit<TapRepoChange, 'previous'>

/** Requests the state of one repository. Emits `undefined` if it is not tracked. */
export type RequestRepo = (did: string) => Observable<TapRepoInfo | undefined>

const CONCURRENCY = 8

/**
 * Polls each repository every `everyMs`, and emits those whose state has changed. A round that
 * takes longer delays the next one.
 */
export const repoChanges = (
  dids: readonly string[],
  everyMs: number,
  request: RequestRepo,
): Observable<TapRepoChange> =>
  defer(() => {
    const states = new Map<string, TapRepoState>()
    return timer(0, everyMs).pipe(
      exhaustMap(() => from(dids).pipe(mergeMap((did) => poll(did, request), CONCURRENCY))),
      map((polled): TapRepoChange => ({ ...polled, previous: states.get(polled.did) })),
      filter(({ state, previous }) => state !== previous),
      tap(({ did, state }) => states.set(did, state)),
    )
  })

const poll = (did: string, request: RequestRepo): Observable<Poll> =>
  request(did).pipe(
    map(
      (info): Poll =>
        info === undefined ? { did, state: 'untracked' } : { did, state: stateOf(did, info), info },
    ),
    catchError((error: unknown) => of<Poll>({ did, state: 'unknown', error: passingError(error) })),
  )

function stateOf(did: string, { state }: TapRepoInfo): string {
  if (typeof state === 'string') return state
  throw new WireError(`info/${did} was answered without a \`state\`: the host is no Tap`)
}

/**
 * Returns the error of one poll, which the next poll may not have. Throws an error that ends the
 * stream: if the password is refused, every poll fails.
 */
function passingError(error: unknown): StreamError {
  const isUnauthorized =
    (error instanceof RefusedError && (error.status === 401 || error.status === 403)) ||
    (error instanceof ProxyError && !error.retryable)
  if (isUnauthorized || !(error instanceof StreamError)) throw error
  return error
}
