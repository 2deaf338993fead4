import { skip } from 'rxjs'
import type { RunHelpers } from 'rxjs/testing'
import { type Gap, type RejectedFrame, type StreamMetrics, streamMetrics } from '../../src/index.js'
import type { LiveOptions } from '../../src/live/config.js'
import { quiet, Sessions, type SessionsOptions } from '../live/sessions.js'

/** What the sessions of a spec are told. */
export interface Scripted {
  readonly frames?: SessionsOptions['frames'] | undefined
  readonly errors?: SessionsOptions['errors'] | undefined
}

/** Scripted sessions with `host`, the options of a stream over them, and all that it will tell. */
export function overSessions(
  helpers: RunHelpers,
  host: string,
  diagrams: readonly string[],
  { frames = {}, errors }: Scripted,
) {
  const sessions = new Sessions(helpers, diagrams, {
    frames,
    ...(errors === undefined ? {} : { errors }),
  })
  const metrics$ = streamMetrics()
  const [snapshots, gaps, rejects]: [StreamMetrics[], Gap[], RejectedFrame[]] = [[], [], []]
  metrics$.pipe(skip(1)).subscribe((snapshot) => snapshots.push(snapshot))
  const options: LiveOptions = {
    ...quiet,
    hosts: [host],
    metrics$,
    gaps: { next: (gap) => gaps.push(gap) },
    rejects: { next: (rejected) => rejects.push(rejected) },
  }
  return { options, told: { sessions, metrics$, snapshots, gaps, rejects } }
}

/** What each dial asked for. */
export const cursorsOf = ({ urls }: Sessions): readonly (string | null)[] =>
  urls.map((url) => new URL(url).searchParams.get('cursor'))
