import { type StreamMetrics, streamMetrics } from '../../src/delivery/metrics.js'
import { prometheusText } from '../../src/delivery/prometheus.js'
import { ConfigError, ConnectError } from '../../src/errors.js'
import { redisSinkMetrics } from '../../src/sinks/redis-streams/metrics.js'
import { redisPrometheusText } from '../../src/sinks/redis-streams/prometheus.js'

const HOST = 'wss://a.example'
const metricsOf = (changes: Partial<StreamMetrics>): StreamMetrics => ({
  ...streamMetrics().value,
  connection: { state: 'open', host: HOST, reason: undefined, since: 1500 },
  ...changes,
})
const linesOf = (text: string, name: string): readonly string[] =>
  text.split('\n').filter((line) => line.startsWith(`rxjs_atproto_${name}`))

describe('prometheusText', () => {
  it.each([
    ['events_unrouted_total', { unrouted: 1 }, '1'],
    ['events_dropped_total', { dropped: 2 }, '2'],
    ['events_filtered_total', { filtered: 3 }, '3'],
    ['events_queued', { queued: 4 }, '4'],
    ['connection_since_timestamp_seconds', {}, '1.5'],
    ['connection_open', {}, '1'],
    [
      'connection_open',
      {
        connection: {
          state: 'connecting',
          host: HOST,
          reason: new ConnectError('no'),
          since: 0,
        },
      },
      '0',
    ],
  ] as const)('tells %s of %j as %s', (name, changes, value) => {
    expect(linesOf(prometheusText(metricsOf(changes)), name)).toEqual([
      `rxjs_atproto_${name} ${value}`,
    ])
  })

  it('tells of what no ingestor takes by kind', () => {
    const unroutedKinds = { commit: 3, identity: 1 }
    const text = prometheusText(metricsOf({ unrouted: 4, unroutedKinds }), { stream: 'posts' })
    expect(linesOf(text, 'events_unrouted')).toEqual([
      'rxjs_atproto_events_unrouted_total{stream="posts"} 4',
      'rxjs_atproto_events_unrouted_by_kind_total{stream="posts",kind="commit"} 3',
      'rxjs_atproto_events_unrouted_by_kind_total{stream="posts",kind="identity"} 1',
    ])
  })

  it('has a lag of 0 once an open connection has been quiet, with nothing in work', () => {
    const behind = { lagMs: 5000, lastEventAt: Date.now() - 1000 }
    const quiet = { ...behind, lastEventAt: Date.now() - 11_000 }
    const lag = (changes: Partial<StreamMetrics>) =>
      linesOf(prometheusText(metricsOf(changes)), 'lag_seconds')[0]
        ?.split(' ')
        .at(-1)
    expect([lag(behind), lag(quiet), lag({ ...quiet, open: 1 })]).toEqual(['5', '0', '5'])
  })

  it('writes the labels of one stream', () => {
    const text = prometheusText(metricsOf({ events: 7 }), { stream: 'posts', pod: 'a"b' })
    expect(linesOf(text, 'events_received_total')).toEqual([
      'rxjs_atproto_events_received_total{stream="posts",pod="a\\"b"} 7',
    ])
  })

  it('writes several streams with each family once, as the format asks', () => {
    const text = prometheusText([
      { metrics: metricsOf({ events: 1 }), labels: { host: 'a' } },
      { metrics: metricsOf({ events: 2 }), labels: { host: 'b' }, completed: true },
    ])
    expect(text.match(/^# TYPE rxjs_atproto_events_received_total counter$/gm)).toHaveLength(1)
    expect(linesOf(text, 'events_received_total')).toEqual([
      'rxjs_atproto_events_received_total{host="a"} 1',
      'rxjs_atproto_events_received_total{host="b"} 2',
    ])
    expect(linesOf(text, 'completed')).toEqual(['rxjs_atproto_completed{host="b"} 1'])
  })

  it('refuses names of labels that Prometheus does not read', () => {
    const text = () => prometheusText(metricsOf({}), { 'the host': 'a', __name__: 'b', ok_1: 'c' })
    expect(text).toThrow(ConfigError)
    expect(text).toThrow(/labels\.the host[\s\S]*labels\.__name__/)
    expect(text).not.toThrow(/ok_1/)
  })
})

describe('redisPrometheusText', () => {
  it('writes the metrics of sinks under names of their own', () => {
    const metrics = { ...redisSinkMetrics().value, written: 3 }
    expect(linesOf(redisPrometheusText(metrics), 'redis_entries_written_total')).toEqual([
      'rxjs_atproto_redis_entries_written_total 3',
    ])
    const all = redisPrometheusText([
      { metrics, labels: { stream: 'a' } },
      { metrics, labels: { stream: 'b' } },
    ])
    expect(linesOf(all, 'redis_entries_written_total')).toHaveLength(2)
    const names = (text: string) => [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name)
    const stream = names(prometheusText(metricsOf({})))
    expect(names(all).filter((name) => stream.includes(name))).toEqual([])
  })
})
