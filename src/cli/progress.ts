import { interval } from 'rxjs'
import type { Messages } from './messages.js'
import { type Snapshot, type View, whenFresh } from './snapshot.js'
import { count, counted, duration, shortHost } from './text.js'

const REDRAW_MS = 250
const LINE_EVERY_MS = 1000

/** One line that is rewritten on a terminal. Elsewhere nothing: a log needs no progress. */
export function statusLine(messages: Messages): View | undefined {
  if (!messages.isTerminal || messages.options.quiet) return undefined
  return {
    when: () => interval(REDRAW_MS),
    show: (snapshot) => messages.region.draw([statusOf(snapshot)]),
    end: () => messages.region.clear(),
  }
}

/** One line per second, where stderr is not a terminal. */
export const plainLines = (messages: Messages): View => ({
  when: () => interval(LINE_EVERY_MS),
  show: (snapshot) => messages.info(statusOf(snapshot)),
  end: () => {},
})

/** `--metrics`: one line of JSON per second, and one at the end. */
export function metricsLines(messages: Messages): View {
  const print = ({ metrics, events, perSecond, elapsedMs }: Snapshot) =>
    messages.print(
      JSON.stringify({
        elapsedMs: Math.round(elapsedMs),
        written: events,
        perSecond: Math.round(perSecond),
        ...metrics,
      }),
    )
  return { when: (metrics$) => whenFresh(LINE_EVERY_MS, [metrics$]), show: print, end: print }
}

/** `4,213 events  1,003/s  lag 2 ms  0 dropped  open wss://host`. */
export function statusOf({ metrics, events, perSecond }: Snapshot): string {
  const { dropped, lagMs } = metrics
  const lag = lagMs === undefined ? '-' : duration(lagMs)
  return [
    counted(events, 'event'),
    `${count(perSecond)}/s`,
    archiveText(metrics) ?? `lag ${lag}`,
    `${count(dropped)} dropped`,
    stateOf(metrics),
  ].join('  ')
}

const BAR = 10

/** `[####------] 41.5 % of the archive, 3h left`, until the stream is live. */
function archiveText({ archive, wire }: Snapshot['metrics']): string | undefined {
  if (archive === undefined || wire !== 'archive') return undefined
  const done = Math.round((archive.percent / 100) * BAR)
  const bar = `[${'#'.repeat(done)}${'-'.repeat(BAR - done)}]`
  const left = archive.etaMs === undefined ? '' : `, ${duration(archive.etaMs)} left`
  return `${bar} ${archive.percent} % of the archive${left}`
}

export function stateOf({ connection }: Snapshot['metrics']): string {
  const host = connection.host === undefined ? '' : ` ${shortHost(connection.host)}`
  return connection.state === 'waiting'
    ? `waiting for${host} (retry ${connection.attempt} after ${connection.reason.code})`
    : `${connection.state}${host}`
}

/** `191 events in 420 ms (455/s), 0 dropped, 0 rejected, 0 gaps, 0 reconnects`. */
export function summaryOf(snapshot: Snapshot): string {
  const { metrics, connected, events, unreadable: unread, elapsedMs } = snapshot
  const { dropped, gaps, reconnects } = metrics
  if (!connected) {
    const tries = `${count(reconnects + 1)} ${reconnects === 0 ? 'try' : 'tries'}`
    return `0 events in ${duration(elapsedMs)}: never connected, ${tries}`
  }
  const rate = count((events * 1000) / Math.max(1, elapsedMs))
  const losses = [
    `${count(dropped)} dropped`,
    `${count(unread)} rejected`,
    counted(gaps, 'gap'),
    counted(reconnects, 'reconnect'),
  ]
  return [`${counted(events, 'event')} in ${duration(elapsedMs)} (${rate}/s)`, ...losses].join(', ')
}
