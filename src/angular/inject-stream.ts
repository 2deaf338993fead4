import { DestroyRef, type Signal } from '@angular/core'
import { takeUntilDestroyed } from '@angular/core/rxjs-interop'
import { BehaviorSubject, defer, NEVER, type Observable } from 'rxjs'
import type { JetstreamEvent, RecordMap } from '../index.js'
import { CAN_DIAL, CONNECTIONS } from './connections.js'
import { injectorOf, type LiveList, type LiveListOptions, liveList } from './live-list.js'
import type { StreamConfig } from './provide-atproto.js'

/** A Jetstream, for a component that wants each event. */
export interface InjectedStream<E> extends Pick<LiveList<E>, 'state' | 'lag' | 'error'> {
  /** The newest events, the newest first. */
  readonly recent: Signal<readonly E[]>
  /**
   * Each event, outside of the zone. Errors with what ends the stream, and completes when the
   * component is destroyed. On a server nothing comes.
   */
  readonly events$: Observable<E>
}

/**
 * Reads a Jetstream for as long as a component or a service lives. Like {@link liveList}, but with
 * one config, and with the events themselves.
 *
 * **Errors**: those of the config and of the stream, in `error` and to the subscribers of
 * `events$`. {@link ConfigError} for an option at the call.
 *
 * @example
 * ```ts
 * import { injectStream } from 'rxjs-atproto/angular'
 *
 * class Likes {
 *   readonly #likes = injectStream({ collections: ['app.bsky.feed.like'] })
 *   readonly state = this.#likes.state
 *   readonly liked$ = this.#likes.events$.pipe(map(subjectOf))
 * }
 * ```
 */
export function injectStream<Records extends RecordMap = RecordMap>(
  config: StreamConfig<Records> = {},
  options: LiveListOptions<JetstreamEvent<Records>> = {},
): InjectedStream<JetstreamEvent<Records>> {
  const { injector = injectorOf(injectStream) } = options
  const recent = liveList(() => config, { ...options, injector })
  const connections = injector.get(CONNECTIONS)
  const events$ = injector.get(CAN_DIAL)
    ? defer(() => connections.of(config).read(new BehaviorSubject(false)))
    : NEVER
  const { state, lag, error } = recent
  const destroyRef = injector.get(DestroyRef)
  return { recent, state, lag, error, events$: events$.pipe(takeUntilDestroyed(destroyRef)) }
}
