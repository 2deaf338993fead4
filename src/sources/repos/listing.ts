import {
  asapScheduler,
  asyncScheduler,
  concat,
  defer,
  EMPTY,
  from,
  ignoreElements,
  interval,
  merge,
  type Observable,
  observeOn,
  of,
  repeat,
  retry,
  Subject,
  type Subscriber,
  Subscription,
  switchMap,
  take,
  tap,
  timer,
} from 'rxjs'
import { Checkpoint, type CheckpointOptions } from '../../delivery/checkpoint.js'
import { StreamCounts } from '../../delivery/counts.js'
import type { DeliverySource, Outcome } from '../../delivery/delivery.js'
import { Gaps } from '../../delivery/gaps.js'
import { type Delivery, Ledger } from '../../delivery/ledger.js'
import { reject } from '../../delivery/rejects.js'
import { MetricsReport } from '../../delivery/report.js'
import type { StreamPosition } from '../../delivery/snapshot.js'
import { FrameError, StreamError } from '../../errors.js'
import type { ListingOptions } from './config.js'
import { type RepoEvent, readRepo } from './events.js'
import { type Body, fetchPage } from './fetch-page.js'
import { ListingRetries } from './listing-retries.js'
import { jsonOf, readPage } from './page.js'
import { PageCursor, type PageItem, type PageMark } from './page-cursor.js'
import { type ListingPosition, listingFormat } from './position.js'
import { Repeats } from './repeats.js'

/** A repo, and the page it stands on. */
export interface ListedRepo {
  readonly repo: RepoEvent
  readonly page: PageMark
}

const PUBLISH_EVERY_MS = 1000

/**
 * The listing of one host. A page is asked for when the one before is emitted and no queue is full,
 * so that one at most is in hand. A page is done when all its repos are; the end is saved when
 * nothing else is left to do.
 */
export class Listing implements DeliverySource {
  queued = 0
  unrouted = 0

  // How many queues want no more for now.
  #pauses = 0
  #stopped = false
  readonly #resumed$ = new Subject<void>()
  readonly #idle$ = new Subject<void>()

  readonly #bookmark: PageCursor
  readonly #repeats = new Repeats()
  readonly #waits: ListingRetries
  readonly #gaps: Gaps
  readonly #ledger: Ledger<ListedRepo>
  readonly #checkpoint: Checkpoint<ListingPosition> | undefined
  // Its frames are the entries of the pages.
  readonly #counts = new StreamCounts()
  readonly #report: MetricsReport

  constructor(
    private readonly options: ListingOptions,
    private readonly subscriber: Subscriber<ListedRepo>,
  ) {
    const { host, cursor, checkpoint, reconnect, gaps, log, metrics$ } = options
    this.#bookmark = new PageCursor(cursor)
    this.#waits = new ListingRetries(host, reconnect)
    this.#gaps = new Gaps(gaps, log)
    this.#ledger = new Ledger<ListedRepo>(this, this)
    this.#checkpoint = checkpoint && this.#checkpointIn(checkpoint)
    const numbers = { counts: this.#counts, ledger: this.#ledger, gaps: this.#gaps }
    this.#report = new MetricsReport(metrics$, numbers, () => this.#standing, host)
  }

  start(): Subscription {
    const pages$ = defer(() => this.#step()).pipe(
      retry({ delay: (error) => this.#wait(error) }),
      repeat({ delay: () => (this.#bookmark.isOver ? EMPTY : this.#whenWanted()) }),
    )
    const work$ = concat(pages$, this.#whenIdle(), this.#whenSaved())
    const clock$ = merge(
      interval(PUBLISH_EVERY_MS).pipe(tap(() => this.#report.publish())),
      this.#saving(),
    )
    const subscription = new Subscription(() => this.#stop())
    this.#report.publish()
    subscription.add(
      this.#load().subscribe({
        next: () => {
          subscription.add(clock$.subscribe({ error: (error) => this.#fail(error) }))
          subscription.add(
            work$.subscribe({
              error: (error) => this.#fail(error),
              complete: () => this.subscriber.complete(),
            }),
          )
        },
        error: (error) => this.#fail(error),
      }),
    )
    return subscription
  }

  // --- From page to page ---

  /** Emits what is in hand, or asks for the next page. */
  #step(): Observable<unknown> {
    // Of a listing that was completed by an earlier run nothing is left.
    if (this.#bookmark.isOver) return EMPTY
    if (!this.#bookmark.hasLines)
      return fetchPage(this.#url(), this.options.request).pipe(tap((body) => this.#receive(body)))
    this.#emit()
    return EMPTY
  }

  #url(): string {
    const url = new URL(this.options.host)
    const { next } = this.#bookmark
    url.searchParams.set('limit', String(this.options.limit))
    if (next !== undefined) url.searchParams.set('cursor', next)
    return url.href
  }

  #receive({ text, bytes }: Body): void {
    this.#counts.bytes += bytes
    const page = readPage(text)
    this.#repeats.check(this.#bookmark.next, page)
    this.#waits.progressed()
    this.#bookmark.turnTo(page)
    this.#report.become({ state: this.#pauses > 0 ? 'paused' : 'open', host: this.options.host })
    this.#emit()
  }

  /** What must happen before the next request; throws what ends the listing. */
  #wait(error: unknown): Observable<unknown> {
    if (!(error instanceof StreamError)) throw error
    this.#report.backoffMs = this.#waits.after(error)
    this.#counts.reconnects += 1
    this.#report.waiting(this.options.host, this.#waits.attempt, error)
    return timer(this.#report.backoffMs).pipe(
      tap(() => {
        this.#report.backoffMs = 0
      }),
      switchMap(() => this.#whenWanted()),
    )
  }

  /** Yields when no queue is full. */
  #whenWanted(): Observable<unknown> {
    // Later than the call: whoever resumes us is in the midst of its own work.
    return this.#pauses === 0
      ? of(undefined)
      : this.#resumed$.pipe(take(1), observeOn(asapScheduler))
  }

  // --- From repo to repo ---

  #emit(): void {
    while (this.#bookmark.hasLines && this.#pauses === 0 && !this.subscriber.closed) {
      const line = this.#bookmark.take()
      this.#counts.frames += 1
      const repo = this.#read(line)
      if (repo === undefined) continue
      this.#counts.events += 1
      this.#counts.eventAt(asyncScheduler.now(), 0)
      if (this.#repeats.isRepeat(repo)) this.#counts.duplicates += 1
      else
        this.#ledger.deliver(
          { repo, page: line.page },
          this.options.host,
          line.page.number,
          0,
          this.subscriber,
          line.index,
        )
    }
  }

  #read({ value, page }: PageItem): RepoEvent | undefined {
    try {
      return readRepo(value, page.number)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#counts.rejected += 1
      reject(this.options.rejects, this.options.host, jsonOf(value), error)
      return undefined
    }
  }

  // --- What is done ---

  #checkpointIn({ store }: CheckpointOptions): Checkpoint<ListingPosition> {
    const done = () => this.#bookmark.position(this.#ledger.frontier?.event.page)
    return new Checkpoint(store, `repos ${this.options.host}`, listingFormat, done, () => {
      this.#report.publish()
      if (this.#stopped && this.#checkpoint?.error === undefined) this.#checkpoint?.save()
    })
  }

  /** Yields when it is known where to begin. */
  #load(): Observable<unknown> {
    return (this.#checkpoint?.load$() ?? of(undefined)).pipe(
      tap((saved) => {
        if (saved !== undefined && !(saved.completed && this.options.onCompleted === 'restart'))
          this.#bookmark.startFrom(saved)
      }),
    )
  }

  #saving(): Observable<never> {
    const { checkpoint } = this.options
    return checkpoint === undefined || this.#checkpoint === undefined
      ? EMPTY
      : this.#checkpoint.regularly(checkpoint)
  }

  /** Completes when nothing is open. */
  #whenIdle(): Observable<never> {
    return defer(() =>
      this.#ledger.open === 0 ? EMPTY : this.#idle$.pipe(take(1), ignoreElements()),
    )
  }

  /**
   * Completes when what is done is saved. Where it cannot be, the clock goes on trying, and ends
   * the listing in time.
   */
  #whenSaved(): Observable<never> {
    const everyMs = this.options.checkpoint?.everyMs ?? 1000
    return defer(() => from(this.#checkpoint?.flush() ?? Promise.resolve())).pipe(
      retry({ delay: () => timer(everyMs) }),
      ignoreElements(),
    )
  }

  settled(delivery: Delivery<ListedRepo>, outcome: Outcome): void {
    if (outcome === 'dropped') this.#gaps.drop(delivery, false)
    if (this.#stopped) this.#checkpoint?.save()
    if (this.#ledger.open === 0) this.#idle$.next()
    // The clock has stopped with the listing.
    if (this.#stopped) this.#report.publish()
  }

  // --- What operators ask of the source ---

  get closed(): boolean {
    return this.#stopped && this.#ledger.open === 0
  }

  pause(): void {
    this.#pauses += 1
    if (this.#report.state === 'open')
      this.#report.become({ state: 'paused', host: this.options.host })
  }

  resume(): void {
    this.#pauses -= 1
    if (this.#pauses > 0) return
    if (this.#report.state === 'paused')
      this.#report.become({ state: 'open', host: this.options.host })
    this.#resumed$.next()
  }

  flush(): PromiseLike<void> | undefined {
    const checkpoint = this.#checkpoint
    // Not at once: it may be asked for in the very call whose delivery is the last one.
    return checkpoint && Promise.resolve().then(() => checkpoint.flush())
  }

  // --- The end ---

  #fail(error: unknown): void {
    this.#report.failed(this.options.host, error)
    this.subscriber.error(error)
  }

  #stop(): void {
    this.#stopped = true
    this.#checkpoint?.save()
    this.#report.ended(this.options.host)
  }

  /** In pages. */
  get #standing(): StreamPosition {
    return {
      cursor: this.#bookmark.page === 0 ? undefined : this.#bookmark.page,
      checkpoint: this.#checkpoint?.saved?.pages,
      checkpointErrors: this.#checkpoint?.errors,
    }
  }
}
