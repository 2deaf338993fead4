import { Subscriber } from 'rxjs'
import { hold, type Release } from '../../src/delivery/delivery.js'
import { DeliveryStream, type StreamOwner } from '../../src/delivery/delivery-stream.js'
import type { Gap } from '../../src/delivery/gaps.js'
import { streamMetrics } from '../../src/delivery/metrics.js'
import { ConnectError } from '../../src/errors.js'
import { SILENT } from '../../src/internal/log.js'

function composed(next: (event: string) => void = () => {}) {
  const calls: string[] = []
  const gaps: Gap[] = []
  const metrics$ = streamMetrics()
  const owner: StreamOwner<string> = {
    host: 'ws://a',
    position: { cursor: 7 },
    canResend: true,
    paused: () => calls.push('paused'),
    resumed: () => calls.push('resumed'),
    settled: (_, outcome) => calls.push(outcome),
    flush: () => undefined,
    stopped: () => calls.push('stopped'),
  }
  const subscriber = new Subscriber<string>({
    next,
    error: (error: unknown) => calls.push(String(error)),
    complete: () => {},
  })
  const options = { metrics$, gaps: { next: (gap: Gap) => gaps.push(gap) }, log: SILENT }
  return { stream: new DeliveryStream(options, subscriber, owner), calls, gaps, metrics$ }
}

describe('DeliveryStream', () => {
  it('pauses its source with the first full queue, and resumes it when none is full', () => {
    const { stream, calls } = composed()
    stream.pause()
    stream.pause()
    stream.resume()
    expect([calls, stream.isPaused]).toEqual([['paused'], true])
    stream.resume()
    expect([calls, stream.isPaused]).toEqual([['paused', 'resumed'], false])
  })

  it('asks nothing of a source that has stopped', () => {
    const { stream, calls } = composed()
    stream.stop()
    stream.pause()
    stream.resume()
    expect(calls).toEqual(['stopped'])
  })

  it('is closed when it has stopped and no delivery is open', () => {
    const releases: Release[] = []
    const { stream, calls, metrics$ } = composed(() => releases.push(hold()))
    stream.deliver('a', 'ws://a', 1, 0, 0)
    stream.stop()
    expect([stream.closed, metrics$.value.open]).toEqual([false, 1])
    releases[0]?.()
    expect([stream.closed, metrics$.value.open, metrics$.value.done]).toEqual([true, 0, 1])
    expect(calls).toEqual(['stopped', 'done'])
  })

  it('reports drops as one gap, which the server can send again where the source says so', () => {
    const { stream, gaps } = composed(() => hold().dropped())
    stream.deliver('a', 'ws://a', 1, 0, 0)
    stream.deliver('b', 'ws://a', 2, 0, 0)
    stream.report.publish()
    expect(gaps).toEqual([
      { host: 'ws://a', from: 1, to: 2, count: 2, recoverable: true, reason: 'dropped' },
    ])
  })

  it('publishes why it failed', () => {
    const { stream, metrics$ } = composed()
    const reason = new ConnectError('refused')
    stream.fail(reason)
    stream.stop()
    expect(metrics$.value.connection).toEqual({
      state: 'closed',
      host: 'ws://a',
      reason,
      since: expect.any(Number),
    })
  })
})
