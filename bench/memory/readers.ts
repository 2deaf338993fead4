import { mergeMap, type OperatorFunction, tap } from 'rxjs'
import {
  boundedMergeMap,
  type Gap,
  type JetstreamEvent,
  jetstream$,
  streamMetrics,
} from 'rxjs-atproto'
import { generateEvents } from 'rxjs-atproto/testing'

/** What became of the events, counted here and told by the library. */
export interface Ledger {
  readonly handled: number
  readonly dropped: number
  /**
   * Events that were not the next one of what the server offered: lost, repeated, or out of order.
   */
  readonly misplaced: number
  /** Gaps whose range or count is not that of the events dropped since the gap before. */
  readonly wrongGaps: number
  /** Dropped events that no gap has told of. */
  readonly untold: number
  readonly metrics: {
    readonly delivered: number
    readonly dropped: number
    readonly reconnects: number
  }
}

export interface Reader {
  readonly received: number
  /** Handled or dropped so far. */
  readonly settled: number
  close(): Ledger
}

type Handle = () => PromiseLike<void>
type Start = (url: string, events: number, handle: Handle) => Reader

export const BOUNDED = 'boundedMergeMap'
export const DROPPING = "boundedMergeMap, overflow: 'drop-oldest'"
export const CONTROL = 'mergeMap, no bound'

export const READERS: Readonly<Record<string, Start>> = {
  [BOUNDED]: reader((project) => boundedMergeMap(project, { capacity: 1024, concurrency: 1 })),
  [DROPPING]: reader((project, onDrop) =>
    boundedMergeMap(project, { capacity: 1024, concurrency: 1, overflow: 'drop-oldest', onDrop }),
  ),
  [CONTROL]: reader((project) => mergeMap(project, 1)),
}

// Shorter than a queue of 1,024 takes to empty by half at 5 ms each, so that every pause ends the
// connection and resumes by cursor.
const PAUSE_CLOSE_MS = 1000

type Project = (event: JetstreamEvent) => PromiseLike<void>
type Operator = (
  project: Project,
  onDrop: (event: JetstreamEvent) => void,
) => OperatorFunction<JetstreamEvent, void>

function reader(operator: Operator): Start {
  return (url, events, handle) => {
    const metrics$ = streamMetrics()
    const offered = generateEvents({ count: events })
    const drops = new Drops()
    let [received, handled, dropped, misplaced] = [0, 0, 0, 0]
    // Work starts and values are dropped at the front of the queue: both together are all events,
    // in order.
    const meet = (event: JetstreamEvent) => {
      const next = offered.next().value
      if (next?.time_us !== event.time_us || next.did !== event.did) misplaced += 1
    }
    const project: Project = (event) => {
      meet(event)
      return handle()
    }
    const onDrop = (event: JetstreamEvent) => {
      meet(event)
      dropped += 1
      drops.add(event.time_us)
    }
    const gaps = { next: (gap: Gap) => drops.compare(gap) }
    const subscription = jetstream$({
      host: url,
      wire: 'v1',
      compress: false,
      metrics$,
      gaps,
      pauseCloseMs: PAUSE_CLOSE_MS,
    })
      .pipe(
        tap(() => {
          received += 1
        }),
        operator(project, onDrop),
      )
      .subscribe(() => {
        handled += 1
      })
    return {
      get received() {
        return received
      },
      get settled() {
        return handled + dropped
      },
      close() {
        subscription.unsubscribe()
        return {
          handled,
          dropped,
          misplaced,
          wrongGaps: drops.wrong,
          untold: drops.untold.length,
          metrics: metrics$.value,
        }
      },
    }
  }
}

/** The events dropped since the last gap, which the next one must tell exactly. */
class Drops {
  wrong = 0
  untold: number[] = []

  add(position: number): void {
    this.untold.push(position)
  }

  compare({ from, to, count, reason }: Gap): void {
    const exact =
      reason === 'dropped' &&
      from === this.untold[0] &&
      to === this.untold.at(-1) &&
      count === this.untold.length
    if (!exact) this.wrong += 1
    this.untold = []
  }
}
