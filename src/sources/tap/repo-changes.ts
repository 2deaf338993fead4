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
import { RefusedError, StreamError, WireError } from '../../errors.js'
import type { LiteralUnion } from '../../internal/literal-union.js'
import type { TapRepoInfo } from './admin.js'

/**
 * How a repository fares in a Tap. `'untracked'`: the server does not track it. `'unknown'`: it
 * could not be asked. The others are the server's own words; what it adds later passes as it is.
 */
export type TapRepoState = LiteralUnion<
  'pending' | 'desynchronized' | 'resyncing' | 'active' | 'error' | 'untracked' | 'unknown'
>

/** A repository was found in another state than the time before. */
export interface TapRepoChange {
  readonly did: string
  readonly state: TapRepoState
  /** What it was before; `undefined` at the first look. */
  readonly previous: TapRepoState | undefined
  /**
   * What the server says of it, such as the `error` of one in that state. Absent where it says
   * nothing.
   */
  readonly info?: TapRepoInfo
  /** Why the repository could not be asked for, where the state is `'unknown'`. */
  readonly error?: StreamError
}

type Look = Omit<TapRepoChange, 'previous'>

/** Asks for one repository; yields `undefined` where it is not tracked. */
export type AskForRepo = (did: string) => Observable<TapRepoInfo | undefined>

const AT_ONCE = 8

/**
 * Looks at each repository every `everyMs`, and emits those whose state has changed. A round that
 * takes longer delays the next one.
 */
export const repoChanges = (
  dids: readonly string[],
  everyMs: number,
  ask: AskForRepo,
): Observable<TapRepoChange> =>
  defer(() => {
    const states = new Map<string, TapRepoState>()
    return timer(0, everyMs).pipe(
      exhaustMap(() => from(dids).pipe(mergeMap((did) => lookAt(did, ask), AT_ONCE))),
      map((look): TapRepoChange => ({ ...look, previous: states.get(look.did) })),
      filter(({ state, previous }) => state !== previous),
      tap(({ did, state }) => states.set(did, state)),
    )
  })

const lookAt = (did: string, ask: AskForRepo): Observable<Look> =>
  ask(did).pipe(
    map(
      (info): Look =>
        info === undefined ? { did, state: 'untracked' } : { did, state: stateOf(did, info), info },
    ),
    catchError((error: unknown) => of<Look>({ did, state: 'unknown', error: passing(error) })),
  )

function stateOf(did: string, { state }: TapRepoInfo): string {
  if (typeof state === 'string') return state
  throw new WireError(`info/${did} was answered without a \`state\`: the host is no Tap`)
}

/**
 * The error of one look. Throws what ends the stream: without the password no look brings anything.
 */
function passing(error: unknown): StreamError {
  const isBarred = error instanceof RefusedError && (error.status === 401 || error.status === 403)
  if (isBarred || !(error instanceof StreamError)) throw error
  return error
}
