import { ConfigError } from 'rxjs-atproto'
import {
  type Environment,
  type Flags,
  ignoredVariables,
  readSettings,
} from '../../src/apps/ingest/settings.js'
import { failureOf } from '../../src/cli/failure.js'

const RSKY = {
  REDIS_URL: 'redis://ingester:secret@redis.internal:6380/2',
  INGESTER_RELAY_HOSTS: 'https://relay1.us-east.bsky.network, relay1.us-west.bsky.network,',
  INGESTER_LABELER_HOSTS: 'mod.bsky.app',
  INGESTER_MODE: 'firehose',
  INGESTER_HIGH_WATER_MARK: '100000000',
  INGESTER_BATCH_SIZE: '50',
  INGESTER_BATCH_TIMEOUT_MS: '100',
  METRICS_PORT: '9100',
}

function mistakesOf(flags: Flags, environment: Environment = {}): readonly string[] {
  try {
    readSettings(flags, environment)
  } catch (error) {
    return failureOf(error, false).messages
  }
  throw new Error('there was no mistake')
}

describe('the settings of ingest', () => {
  it('have the defaults of rsky-ingester', () => {
    expect(readSettings({}, {})).toEqual({
      mode: 'all',
      redis: new URL('redis://localhost:6379'),
      relayHosts: ['bsky.network'],
      labelerHosts: [],
      collections: [],
      cursor: 'oldest',
      highWaterMark: 100_000,
      batchSize: 500,
      batchTimeout: 1000,
      metricsPort: undefined,
      metricsAddress: '127.0.0.1',
      healthyWithin: 60_000,
      drain: 8000,
    })
  })

  it('are read from the environment of an rsky setup, each host as it is written there', () => {
    expect(readSettings({}, RSKY)).toMatchObject({
      mode: 'firehose',
      redis: new URL('redis://ingester:secret@redis.internal:6380/2'),
      relayHosts: ['https://relay1.us-east.bsky.network', 'relay1.us-west.bsky.network'],
      labelerHosts: ['mod.bsky.app'],
      highWaterMark: 100_000_000,
      batchSize: 50,
      batchTimeout: 100,
      metricsPort: 9100,
      metricsAddress: '127.0.0.1',
    })
  })

  it('have an address for the metrics, of the environment or a flag', () => {
    const environment = { METRICS_ADDRESS: '0.0.0.0' }
    expect(readSettings({}, environment).metricsAddress).toBe('0.0.0.0')
    expect(readSettings({ metricsAddress: '::1' }, environment).metricsAddress).toBe('::1')
    expect(mistakesOf({ metricsAddress: '' })).toEqual([
      'CONFIG: --metrics-address is "". Write a name that is not empty.',
    ])
  })

  it('are read from the names of its readme too', () => {
    expect(
      readSettings({}, { RELAY_HOSTS: 'a.example', LABELER_HOSTS: 'b.example,c.example' }),
    ).toMatchObject({
      relayHosts: ['a.example'],
      labelerHosts: ['b.example', 'c.example'],
    })
  })

  it('are those of the flags where both are given', () => {
    const flags = {
      mode: 'firehose',
      batchSize: '7',
      batchTimeout: '2s',
      relayHosts: 'x.example',
      metricsPort: 'off',
      cursor: '12',
    }
    expect(readSettings(flags, RSKY)).toMatchObject({
      mode: 'firehose',
      batchSize: 7,
      batchTimeout: 2000,
      relayHosts: ['x.example'],
      metricsPort: 'off',
      cursor: 12,
    })
  })

  it('take an empty variable for one that is not set', () => {
    expect(
      readSettings({}, { INGESTER_BATCH_SIZE: '', RELAY_HOSTS: ' ', INGESTER_MODE: '' }),
    ).toEqual(readSettings({}, {}))
  })

  it('tell which variable of a pair is not used', () => {
    const both = { INGESTER_RELAY_HOSTS: 'a.example', RELAY_HOSTS: 'b.example' }
    expect(readSettings({}, both).relayHosts).toEqual(['a.example'])
    expect(ignoredVariables({}, both)).toEqual([
      'RELAY_HOSTS is ignored: INGESTER_RELAY_HOSTS has another value and wins',
    ])
    expect(
      ignoredVariables({}, { INGESTER_RELAY_HOSTS: 'a.example', RELAY_HOSTS: 'a.example' }),
    ).toEqual([])
    expect(ignoredVariables({}, RSKY)).toEqual([])
  })

  it('are all refused at once, each under the name of its flag or variable', () => {
    const environment = {
      INGESTER_BATCH_SIZE: '5e2',
      INGESTER_MODE: 'some',
      INGESTER_BATCH_TIMEOUT_MS: '0',
      METRICS_PORT: '65536',
    }
    expect(
      mistakesOf({ highWaterMark: '0', relayHosts: 'user@host', cursor: '-1' }, environment),
    ).toEqual([
      'CONFIG: INGESTER_MODE is "some". Write one of all, firehose, backfill, labeler.',
      'CONFIG: --relay-hosts is "user@host". Write host names or URLs, with commas between them.',
      'CONFIG: --cursor is "-1". Write oldest, live, or a seq.',
      'CONFIG: --high-water-mark is "0". Write a whole number above 0.',
      'CONFIG: INGESTER_BATCH_SIZE is "5e2". Write a whole number above 0.',
      'CONFIG: INGESTER_BATCH_TIMEOUT_MS is "0". Write a whole number above 0.',
      'CONFIG: METRICS_PORT is "65536". Write a port up to 65535, or off.',
    ])
  })

  it('refuse the mode labeler without a labeler', () => {
    expect(mistakesOf({ mode: 'labeler' })).toEqual([
      'CONFIG: --labeler-hosts is required in the mode labeler (or INGESTER_LABELER_HOSTS)',
    ])
  })

  it.each([
    ['100', 100],
    ['1.5s', 1500],
    ['0s', undefined],
    ['-1', undefined],
    ['soon', undefined],
    ['2147483647', 2 ** 31 - 1],
    ['2147483648', undefined],
    ['25d', undefined],
  ])('read the wait %s as %s', (batchTimeout, ms) => {
    if (ms === undefined) expect(mistakesOf({ batchTimeout })).toHaveLength(1)
    else expect(readSettings({ batchTimeout }, {}).batchTimeout).toBe(ms)
  })

  it('refuse what the sink would refuse, and a wait that no timer can', () => {
    expect(readSettings({ batchSize: '10000', drain: '0s' }, {})).toMatchObject({
      batchSize: 10_000,
      drain: 0,
    })
    expect(mistakesOf({ drain: '30d' }, { INGESTER_BATCH_SIZE: '10001' })).toEqual([
      'CONFIG: INGESTER_BATCH_SIZE is "10001". Write a whole number up to 10000.',
      'CONFIG: --drain is "30d". Write a duration up to 24d.',
    ])
  })

  it('refuse a seq where several hosts would begin at it', () => {
    const told = [
      'CONFIG: --cursor can be a seq only for a single host: each host has its own numbers',
    ]
    expect(mistakesOf({ cursor: '7', relayHosts: 'a,b' })).toEqual(told)
    expect(mistakesOf({ cursor: '7', labelerHosts: 'a' })).toEqual(told)
    expect(readSettings({ cursor: '7', mode: 'firehose', labelerHosts: 'a' }, {}).cursor).toBe(7)
    expect(readSettings({ cursor: '7', mode: 'backfill', relayHosts: 'a,b' }, {}).cursor).toBe(7)
  })

  it.each([
    'http://:s3cret@host',
    'redis://',
    'redis://:s3cret@host/name',
    'redis://:100%s3cret@host',
    's3cret',
  ])('refuse the Redis URL %s without showing it', (url) => {
    const [message, ...others] = mistakesOf({}, { REDIS_URL: url })
    expect(others).toEqual([])
    expect(message).toMatch(/^CONFIG: REDIS_URL is not valid\. /)
    expect(message).not.toContain('s3cret')
  })

  it('are an error of the config, which is the exit code 3', () => {
    expect(() => readSettings({ batchSize: 'x' }, {})).toThrow(ConfigError)
    expect(failureOf(new ConfigError('ingest', []), false).exitCode).toBe(3)
  })
})
