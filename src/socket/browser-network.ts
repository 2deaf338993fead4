import { defer, EMPTY, filter, fromEvent, merge, type Observable, of, take } from 'rxjs'

/** The events of a page or a worker. React Native and servers have none of these. */
const on = (target: typeof globalThis | Document | undefined, event: string): Observable<Event> =>
  typeof target?.addEventListener === 'function' ? fromEvent(target, event) : EMPTY

const online$ = defer(() => on(globalThis, 'online'))

const shownAgain$ = defer(() => on(globalThis, 'pageshow')).pipe(
  filter((event) => (event as PageTransitionEvent).persisted),
)

/**
 * A wait for the next dial ends here: its timer may be late, since a browser slows down the timers
 * of a hidden page and stops those of a frozen one.
 */
export const wake$: Observable<Event> = defer(() =>
  merge(
    online$,
    shownAgain$,
    on(globalThis.document, 'resume'),
    on(globalThis.document, 'visibilitychange').pipe(
      filter(() => document.visibilityState === 'visible'),
    ),
  ),
)

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

// Without a network a page still reaches its own machine.
const needsNetwork = (url: string): boolean => !LOOPBACK.test(new URL(url).hostname)

/** Yields when a dial can succeed: at once, or when the network is back. */
export const reachable = (url: string): Observable<unknown> =>
  defer(() =>
    globalThis.navigator?.onLine === false && needsNetwork(url)
      ? online$.pipe(take(1))
      : of(undefined),
  )

/**
 * An open connection does not survive these, and a browser may say so only much later: the network
 * goes away, or the page was kept aside and is shown again.
 */
export const lost = (url: string): Observable<Event> =>
  merge(needsNetwork(url) ? on(globalThis, 'offline') : EMPTY, shownAgain$)
