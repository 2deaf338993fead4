import { interval, type Observable } from 'rxjs'
import type { Messages } from '../../cli/messages.js'
import { errorsToo } from '../../cli/progress.js'
import { whenTold } from '../../cli/snapshot.js'
import type { IngestState } from './ingest-state.js'
import { statusOf, tableOf } from './table.js'

const REDRAW_MS = 250
const METRICS_EVERY_MS = 1000
const LINE_EVERY_MS = 30_000

/** How a run is shown while it goes on, and at its end. */
export interface Shown {
  end(): void
}

/** A table on a terminal, a line now and then elsewhere, or all metrics as JSON. */
export function startDisplay(board: IngestState, messages: Messages, metricsLines: boolean): Shown {
  if (metricsLines)
    return repeated(whenTold(METRICS_EVERY_MS, board.numbers), () =>
      messages.print(
        JSON.stringify({ elapsedMs: Math.round(board.elapsedMs), ...board.state }, errorsToo),
      ),
    )
  if (messages.options.quiet) return { end: () => {} }
  if (!messages.ansi) return repeated(interval(LINE_EVERY_MS), () => messages.info(statusOf(board)))
  const table = repeated(interval(REDRAW_MS), () => messages.region.draw(tableOf(board)))
  return {
    end() {
      table.end()
      messages.region.keep()
    },
  }
}

/** Once more at the end. */
function repeated(times$: Observable<unknown>, show: () => void): Shown {
  const subscription = times$.subscribe(show)
  return {
    end() {
      subscription.unsubscribe()
      show()
    },
  }
}
