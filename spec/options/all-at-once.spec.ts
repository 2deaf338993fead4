import type { JetstreamConfig } from '../../src/index.js'
import * as library from '../../src/index.js'
import { redisCursorStore, redisStream$, toRedisStream } from '../../src/redis.js'

function issuesOf(call: () => unknown): Readonly<Record<string, string>> {
  try {
    call()
    return {}
  } catch (error) {
    if (!(error instanceof library.ConfigError)) throw error
    return Object.fromEntries(error.issues.map(({ option, message }) => [option, message]))
  }
}

const namesIn = (call: () => unknown): readonly string[] => Object.keys(issuesOf(call)).sort()
const wrong = <T>(options: object) => options as unknown as T
const client = { isOpen: true, duplicate: () => client, sendCommand: async () => null } as never

describe('one error names every mistake, those of shape and those of meaning,', () => {
  it('of jetstream$', () => {
    expect(
      issuesOf(() => library.jetstream$({ host: '', collections: ['x y'], idleTimeoutMs: -1 })),
    ).toEqual({
      host: 'must be a host name or a URL, not ""',
      'collections.0': 'must be an NSID or a prefix such as app.bsky.feed.*, not "x y"',
      idleTimeoutMs: 'must be above 0, not -1',
    })
    expect(
      namesIn(() =>
        library.jetstream$(
          wrong<JetstreamConfig>({
            host: ['ftp://x', 'wss://a.test/jetstream', 'b.test'],
            dids: [5, 'alice'],
            collections: ['a.b.c'],
            kinds: ['identity'],
            cursor: 1.7e12,
            records: { posts: {} },
            decode: 'never',
            speed: 5,
          }),
        ),
      ),
    ).toEqual(
      [
        ...['host.0', 'host.1', 'dids.0', 'dids.1', 'collections', 'cursor', 'decode', 'speed'],
        ...['records.posts', 'records.posts'].slice(1),
      ].sort(),
    )
  })

  it('of firehose$, labels$, listRepos$ and tap$', () => {
    const twice = ['a.test', 'wss://a.test']
    const config = wrong<never>({ host: twice, cursor: 5, maxFrameBytes: 0 })
    expect(namesIn(() => library.firehose$(config))).toEqual(['cursor', 'host', 'maxFrameBytes'])
    expect(namesIn(() => library.labels$(config))).toEqual(['cursor', 'host', 'maxFrameBytes'])
    expect(namesIn(() => library.listRepos$({ host: twice, cursor: '5', limit: 0 }))).toEqual([
      ...['cursor', 'host', 'limit'],
    ])
    expect(namesIn(() => library.tap$({ host: 'ftp://x', idleTimeoutMs: 0 }))).toEqual([
      ...['host', 'idleTimeoutMs'],
    ])
  })

  it('of tapAdmin and tapRepos$', () => {
    expect(namesIn(() => library.tapAdmin({ host: '', timeoutMs: 0 }))).toEqual([
      'host',
      'timeoutMs',
    ])
    expect(namesIn(() => library.tapRepos$({ host: '', dids: ['x'], everyMs: 0 }))).toEqual([
      ...['dids.0', 'everyMs', 'host'],
    ])
  })

  it('of the operators', () => {
    const options = wrong<never>({ capacity: 10, size: 0, maxWait: 5 })
    expect(namesIn(() => library.boundedBatchMap(() => [], options))).toEqual(['maxWait', 'size'])
    expect(
      namesIn(() =>
        library.ingest(wrong<never>({ x: 5 }), { capacity: 5, maxLag: 4, attempts: 0 }),
      ),
    ).toEqual(['attempts', 'maxLag', 'x'])
  })

  it('of what reads and writes Redis', () => {
    const group = { client: {}, stream: 's', group: '', consumer: 'c', deadLetter: 's' }
    expect(namesIn(() => redisStream$(wrong<never>(group)))).toEqual([
      ...['client', 'deadLetter', 'group'],
    ])
    expect(namesIn(() => toRedisStream(wrong<never>({ stream: '', size: 0 })))).toEqual([
      ...['client', 'size', 'stream'],
    ])
    expect(
      namesIn(() => redisCursorStore(wrong<never>({}), wrong<never>({ prefix: 5, ttl: 1 }))),
    ).toEqual(['client', 'prefix', 'ttl'])
  })

  it('and says of a config that is none what it must be', () => {
    expect(issuesOf(() => library.jetstream$(wrong<JetstreamConfig>('a.test' as never)))).toEqual({
      config: 'must be an object of options, not "a.test"',
    })
  })
})

describe('the backoff of toRedisStream', () => {
  it('is checked like every other, member by member', () => {
    const backoff = wrong<never>({ initialDelayMS: 5, maxDelayMs: -1, jitter: 'some' })
    expect(issuesOf(() => toRedisStream({ client, stream: 's', backoff }))).toEqual({
      'backoff.initialDelayMS': 'is not an option',
      'backoff.maxDelayMs': 'must not be negative, not -1',
      'backoff.jitter': "must be 'full' or 'none', not \"some\"",
    })
  })
})

describe('an option that has another name now', () => {
  it('is refused with the new one', () => {
    const config = wrong<never>({ client, stream: 's', group: 'g', consumer: 'c', maxInHand: 5 })
    expect(issuesOf(() => redisStream$(config))).toEqual({
      maxInHand: 'is called `maxPending` now',
    })
  })
})
