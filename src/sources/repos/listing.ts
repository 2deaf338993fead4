import {
  asapScheduler,
  concat,
  defer,
  EMPTY,
  from,
  ignoreElements,
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
import { reachable, wake$ } from '#socket'
import { Checkpoint } from '../../delivery/checkpoint.js'
import type { CheckpointOptions } from '../../delivery/checkpoint-options.js'
import { DeliveryStream, type StreamOwner } from '../../delivery/delivery-stream.js'
import type { StreamPosition } from '../../delivery/metrics-report.js'
import { positionKeys } from '../../delivery/position-keys.js'
import { reject } from '../../delivery/rejects.js'
import { currentWatch } from '../../delivery/subscription-watch.js'
import { FrameError, StreamError } from '../../errors.js'
import type { ListingOptions } from './config.js'
import { type RepoEvent, readRepo } from './events.js'
import { type Body, fetchPage } from './fetch-page.js'
import { ListingRetries } from './listing-retries.js'
import { jsonOf, readPage } from './page.js'
import { PageCursor, type PageItem, type PageRef } from './page-cursor.js'
import { type ListingPosition, listingFormat } from './position.js'
import { RepeatDetector } from './repeat-detector.js'

/** A repo, and the page that lists it. */
export interface ListedRepo {
  readonly repo: RepoEvent
  readonly page: PageRef
}

/**
 * The listing of one host. A page is requested when the one before is emitted and no queue is full,
 * so at most one page is in memory. A page is done when all its repos are done. The end of the
 * listing is saved last, when nothing is open.
 */
export class Listing implements StreamOwner<ListedRepo> {
  readonly host: string
  // To get a dropped repo again, the listing must start again at its first page.
  readonly canResend = false

  readonly #resumed$ = new Subject<void>()
  readonly #idle$ = new Subject<void>()

  readonly #pages: PageCursor
  readonly #repeats = new RepeatDetector()
  readonly #retries: ListingRetries
  // Its frames are the entries of the pages.
  readonly #stream: DeliveryStream<ListedRepo>
  readonly #checkpoint: Checkpoint<ListingPosition> | undefined

  constructor(
    private readonly options: ListingOptions,
    private readonly subscriber: Subscriber<ListedRepo>,
  ) {
    const { host, cursor, checkpoint } = options
    this.host = host
    this.#pages = new PageCursor(cursor)
    this.#retries = new ListingRetries(options)
    this.#stream = new DeliveryStream<ListedRepo>(options, subscriber, this)
    this.#checkpoint = checkpoint && this.#checkpointIn(checkpoint)
  }

  start(): Subscription {
    const pages$ = defer(() => this.#step()).pipe(
      retry({ delay: (error) => this.#wait(error) }),
      repeat({ delay: () => (this.#pages.isOver ? EMPTY : this.#whenWanted()) }),
    )
    const work$ = concat(pages$, this.#whenIdle(), this.#whenSaved())
    const clock$ = merge(this.#stream.clock$, this.#saving())
    const subscription = new Subscription(() => this.#stream.stop())
    this.#stream.report.publish()
    subscription.add(
      this.#load().subscribe({
        next: () => {
          subscription.add(clock$.subscribe({ error: (error) => this.#stream.fail(error) }))
          subscription.add(
            work$.subscribe({
              error: (error) => this.#stream.fail(error),
              complete: () => this.subscriber.complete(),
            }),
          )
        },
        error: (error) => this.#stream.fail(error),
      }),
    )
    return subscription
  }

  // --- From page to page ---

  /** Emits the rest of the current page, or requests the next one. */
  #step(): Observable<unknown> {
    // An earlier run completed the listing.
    if (this.#pages.isOver) return EMPTY
    if (!this.#pages.hasItems)
      return reachable(this.host).pipe(
        switchMap(() => fetchPage(this.#url(), this.options.request)),
        tap((body) => this.#receive(body)),
      )
    this.#emit()
    return EMPTY
  }

  #url(): string {
    const url = new URL(this.host)
    const { next } = this.#pages
    url.searchParams.set('limit', String(this.options.limit))
    if (next !== undefined) url.searchParams.set('cursor', next)
    return url.href
  }

  #receive({ text, bytes }: Body): void {
    this.#stream.counts.bytes += bytes
    const page = readPage(text)
    this.#repeats.check(this.#pages.next, page)
    this.#retries.progressed()
    this.#pages.turnTo(page)
    this.#become(this.#stream.isPaused ? 'paused' : 'open')
    this.#emit()
  }

  /** Emits when the request may be repeated. Throws an error that ends the listing. */
  #wait(error: unknown): Observable<unknown> {
    if (!(error instanceof StreamError)) throw error
    this.#stream.report.backoffMs = this.#retries.after(error)
    this.#stream.counts.reconnects += 1
    this.#stream.report.waiting(this.host, this.#retries.attempt, error)
    return merge(timer(this.#stream.report.backoffMs), wake$).pipe(
      take(1),
      tap(() => {
        this.#stream.report.backoffMs = 0
      }),
      switchMap(() => this.#whenWanted()),
    )
  }

  /** Emits when no queue is full. */
  #whenWanted(): Observable<unknown> {
    // Asynchronous, because the operator that calls `resume` is still in its own work.
    return this.#stream.isPaused
      ? this.#resumed$.pipe(take(1), observeOn(asapScheduler))
      : of(undefined)
  }

  // --- From repo to repo ---

  #emit(): void {
    while (this.#pages.hasItems && !this.#stream.isPaused && !this.subscriber.closed) {
      const item = this.#pages.take()
      this.#stream.counts.frames += 1
      const repo = this.#read(item)
      if (repo === undefined) continue
      this.#stream.counts.events += 1
      const { page, index } = item
      if (this.#repeats.isRepeat(repo)) this.#stream.counts.duplicates += 1
      else this.#stream.deliver({ repo, page }, this.host, page.number, 0, index)
    }
  }

  #read({ value, page }: PageItem): RepoEvent | undefined {
    try {
      return readRepo(value, page.number)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#stream.counts.rejected += 1
      reject(this.options.rejects, this.host, jsonOf(value), error)
      return undefined
    }
  }

  // --- Checkpoint and completion ---

  #checkpointIn(options: CheckpointOptions<ListingPosition>): Checkpoint<ListingPosition> {
    const { host } = this
    const keys = positionKeys(options, `repos ${host}`, 'repos', host)
    const stream = { ...keys, host, format: listingFormat, log: this.options.log }
    const done = () => this.#pages.position(this.#stream.ledger.frontier?.event.page)
    currentWatch()?.foundStore(options.store)
    return new Checkpoint(options, stream, done, () => this.#stream.report.publish())
  }

  /** Emits when the first page to request is known. */
  #load(): Observable<unknown> {
    return (this.#checkpoint?.load$() ?? of(undefined)).pipe(
      tap((saved) => {
        if (saved !== undefined && !(saved.completed && this.options.onCompleted === 'restart'))
          this.#pages.startFrom(saved)
      }),
    )
  }

  #saving(): Observable<never> {
    return this.#checkpoint?.regularly() ?? EMPTY
  }

  /** Completes when nothing is open. */
  #whenIdle(): Observable<never> {
    return defer(() =>
      this.#stream.ledger.open === 0 ? EMPTY : this.#idle$.pipe(take(1), ignoreElements()),
    )
  }

  /**
   * Completes when the checkpoint is saved. A save that fails is retried; `regularly` ends the
   * listing after `failAfterMs`.
   */
  #whenSaved(): Observable<never> {
    const everyMs = this.options.checkpoint?.everyMs ?? 1000
    return defer(() => from(this.#checkpoint?.flush() ?? Promise.resolve())).pipe(
      retry({ delay: () => timer(everyMs) }),
      ignoreElements(),
    )
  }

  // --- Calls of its deliveries ---

  /** Positions are numbers of pages. */
  get position(): StreamPosition {
    return {
      cursor: this.#pages.page === 0 ? undefined : this.#pages.page,
      checkpoint: this.#checkpoint?.saved?.pages,
      checkpointErrors: this.#checkpoint?.errors,
    }
  }

  paused(): void {
    if (this.#stream.report.state === 'open') this.#become('paused')
  }

  resumed(): void {
    if (this.#stream.report.state === 'paused') this.#become('open')
    this.#resumed$.next()
  }

  settled(): void {
    this.#checkpoint?.settled()
    if (this.#stream.ledger.open === 0) this.#idle$.next()
  }

  flush(): PromiseLike<void> | undefined {
    return this.#checkpoint?.flush()
  }

  stopped(): void {
    this.#checkpoint?.stop()
  }

  #become(state: 'open' | 'paused'): void {
    this.#stream.report.become({ state, host: this.host })
  }
}
