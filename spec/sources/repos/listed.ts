import { filter, firstValueFrom, type Observable, Subject, tap } from 'rxjs'
import type {
  Gap,
  ListReposConfig,
  RejectedFrame,
  RepoEvent,
  StreamMetrics,
} from '../../../src/index.js'
import { listRepos$, streamMetrics } from '../../../src/index.js'
import type { FakeRepos } from '../../../src/testing/index.js'

/** Retries at once, so that a spec waits for nothing. */
export const AT_ONCE = { initialDelayMs: 1, maxDelayMs: 1, jitter: 'none' } as const

export const didsOf = (repos: Iterable<unknown>): readonly string[] =>
  [...repos].map((repo) => (repo as RepoEvent).did)

/** A listing of one server, and all that it tells. */
export class Listed {
  readonly metrics$ = streamMetrics()
  readonly states: string[] = []
  readonly rejects: RejectedFrame[] = []
  readonly gaps: Gap[] = []
  readonly seen: string[] = []
  readonly repos$: Observable<RepoEvent>
  readonly #seen$ = new Subject<void>()

  constructor(server: Pick<FakeRepos, 'url'>, config: Omit<ListReposConfig, 'metrics$'> = {}) {
    this.metrics$.subscribe(({ connection }) => {
      if (this.states.at(-1) !== connection.state) this.states.push(connection.state)
    })
    const rejects = { next: (rejected: RejectedFrame) => void this.rejects.push(rejected) }
    const gaps = { next: (gap: Gap) => void this.gaps.push(gap) }
    const { metrics$ } = this
    this.repos$ = listRepos$({
      host: server.url,
      limit: 10,
      reconnect: AT_ONCE,
      rejects,
      gaps,
      ...config,
      metrics$,
    }).pipe(
      tap(({ did }) => {
        this.seen.push(did)
        this.#seen$.next()
      }),
    )
  }

  get metrics(): StreamMetrics {
    return this.metrics$.value
  }

  when(holds: (metrics: StreamMetrics) => boolean): Promise<StreamMetrics> {
    return firstValueFrom(this.metrics$.pipe(filter(holds)))
  }

  /** As soon as so many repos came: the numbers are told by the clock alone. */
  async received(count: number): Promise<void> {
    if (this.seen.length < count)
      await firstValueFrom(this.#seen$.pipe(filter(() => this.seen.length >= count)))
  }

  /** Why the listing waited, as soon as it does. */
  async waiting(): Promise<{
    readonly reason: unknown
    readonly ms: number
    readonly attempt: number
  }> {
    const { connection, currentBackoffMs: ms } = await this.when(
      ({ connection }) => connection.state === 'waiting',
    )
    if (connection.state !== 'waiting') throw new Error('not waiting')
    return { reason: connection.reason, ms, attempt: connection.attempt }
  }
}
