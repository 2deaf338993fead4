import {
  assertInInjectionContext,
  computed,
  effect,
  Injector,
  inject,
  NgZone,
  type Signal,
  signal,
  untracked,
} from '@angular/core'
import { BehaviorSubject, map, type OperatorFunction } from 'rxjs'
import { type KeepRecentOptions, keepRecent, perFrame } from '../browser/index.js'
import type { ConnectionStatus, JetstreamEvent, RecordMap } from '../index.js'
import { CAN_DIAL, CONNECTIONS, type Connection } from './connections.js'
import type { StreamConfig } from './provide-atproto.js'

/** What {@link liveList} keeps, and when it shows it. */
export interface LiveListOptions<E> {
  /**
   * The key of an event, such as `uriOf`. A later event of a key takes the place of the earlier
   * one, and the delete of a record removes it.
   * @default none: each event is kept by itself
   */
  readonly key?: ((event: E) => unknown) | undefined
  /**
   * How many events the list has at most.
   * @default 50
   */
  readonly limit?: number | undefined
  /**
   * When the signal changes: at most once for each frame that the browser draws, or for each event.
   * @default 'frame'
   */
  readonly by?: 'frame' | 'event' | undefined
  /**
   * For a call outside of an injection context.
   * @default that of the call
   */
  readonly injector?: Injector | undefined
}

/** The newest events, the newest first, and how their stream does. */
export interface LiveList<E> extends Signal<readonly E[]> {
  /** What the connection does. `'paused'`: by {@link pause}, or since the page is hidden. */
  readonly state: Signal<ConnectionStatus['state']>
  /** How old the last event was when it came, in milliseconds. */
  readonly lag: Signal<number | undefined>
  /** What ended the stream; a change of its config starts it again. */
  readonly error: Signal<unknown>
  /**
   * Keeps the list as it is. The stream is held back while all who share its connection pause.
   */
  pause(): void
  /** Shows what came meanwhile, and goes on at the cursor. */
  resume(): void
}

/**
 * Makes a signal of the newest events of a Jetstream, of which the signals that `config` reads are
 * a part: the stream begins again when one of them changes. Without a config (`undefined`) nothing
 * is read.
 *
 * Components that ask for the same share one connection. It ends with the last of them. Events are
 * read outside of the zone, and the list is set within it, so that views are checked once a frame.
 * On a server the list is empty, and nothing dials.
 *
 * **Errors**: those of the config and of the stream, in {@link LiveList.error}. {@link ConfigError}
 * for an option at the call.
 *
 * @example
 * ```ts
 * import { Component, input } from '@angular/core'
 * import { liveList } from 'rxjs-atproto/angular'
 *
 * class Posts {
 *   readonly collection = input('app.bsky.feed.post')
 *   readonly posts = liveList(() => ({ collections: [this.collection()] }), {
 *     key: uriOf,
 *     limit: 50,
 *   })
 * }
 * ```
 */
export function liveList<Records extends RecordMap = RecordMap>(
  config: () => StreamConfig<Records> | undefined,
  options: LiveListOptions<JetstreamEvent<Records>> = {},
): LiveList<JetstreamEvent<Records>> {
  const { injector = injectorOf(liveList), by = 'frame', ...keeping } = options
  const connections = injector.get(CONNECTIONS)
  const list = new List<JetstreamEvent<Records>>(injector.get(NgZone), inLists(by, keeping))
  const read = (onCleanup: (stop: () => void) => void): void => {
    const asked = config()
    onCleanup(untracked(() => list.read(asked && connections.of(asked))))
  }
  if (injector.get(CAN_DIAL)) effect(read, { injector })
  return list.asSignal()
}

/** The injector of the call, if it is within an injection context. */
export function injectorOf(caller: (...args: never[]) => unknown): Injector {
  assertInInjectionContext(caller)
  return inject(Injector)
}

function inLists<E>(
  by: 'frame' | 'event',
  keeping: KeepRecentOptions<E>,
): OperatorFunction<E, readonly E[]> {
  const recent = keepRecent<E>(keeping)
  return (events$) =>
    events$.pipe(by === 'frame' ? perFrame() : map((event): readonly E[] => [event]), recent)
}

class List<E> {
  readonly #shown = signal<readonly E[]>([])
  readonly #error = signal<unknown>(undefined)
  readonly #connection = signal<Connection<E> | undefined>(undefined)
  readonly #isPaused = signal(false)
  readonly #isPaused$ = new BehaviorSubject(false)
  // What a paused list will show.
  #newest: readonly E[] = []

  constructor(
    private readonly zone: NgZone,
    private readonly inLists: OperatorFunction<E, readonly E[]>,
  ) {}

  asSignal(): LiveList<E> {
    const metrics = computed(() => this.#connection()?.metrics())
    return Object.assign(this.#shown.asReadonly(), {
      state: computed(() =>
        this.#isPaused() ? 'paused' : (metrics()?.connection.state ?? 'idle'),
      ),
      lag: computed(() => metrics()?.lagMs),
      error: this.#error.asReadonly(),
      pause: () => this.#pause(),
      resume: () => this.#resume(),
    })
  }

  /** Begins again, with an empty list. Returns what ends it. */
  read(connection: Connection<E> | undefined): () => void {
    this.#newest = []
    this.#shown.set([])
    this.#error.set(undefined)
    this.#connection.set(connection)
    const reading = connection
      ?.read(this.#isPaused$)
      .pipe(this.inLists)
      .subscribe({
        next: (newest) => this.#take(newest),
        error: (error: unknown) => this.zone.run(() => this.#error.set(error)),
      })
    return () => reading?.unsubscribe()
  }

  #take(newest: readonly E[]): void {
    this.#newest = newest
    if (!this.#isPaused$.value) this.zone.run(() => this.#shown.set(newest))
  }

  #pause(): void {
    this.#isPaused.set(true)
    this.#isPaused$.next(true)
  }

  #resume(): void {
    this.#isPaused.set(false)
    this.#isPaused$.next(false)
    this.#shown.set(this.#newest)
  }
}
