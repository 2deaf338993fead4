import { ConfigError } from '../../src/errors.js'
import { boundedBatchMap } from '../../src/operators/bounded-batch-map.js'
import { boundedMergeMap } from '../../src/operators/bounded-merge-map.js'
import { ingest } from '../../src/operators/ingest.js'

const mistakes = (call: () => unknown): string => {
  try {
    call()
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'no mistake'
}

const queue = {
  capacity: 0,
  concurrency: 1.5,
  overflow: 'drop',
  maxLag: -1,
  slowAfterMs: '5s',
  onSlow: 'log',
  onDrop: 7,
} as const

const said = [
  '  `capacity` must be a whole number above 0, or Infinity, not 0',
  '  `concurrency` must be a whole number above 0, or Infinity, not 1.5',
  "  `overflow` must be 'pause', 'drop-oldest', 'drop-newest' or 'error', not \"drop\"",
]

describe('the options of the operators', () => {
  const work = () => []

  it('report every mistake of `boundedMergeMap` at once, with name and value', () => {
    expect(
      mistakes(() => boundedMergeMap(work, { ...queue, orderBy: 'did', size: 3 } as never)),
    ).toBe(
      [
        'boundedMergeMap: the config is not valid',
        ...said,
        '  `maxLag` must be a whole number above 0, or Infinity, not -1',
        '  `orderBy` must be a function, not "did"',
        '  `slowAfterMs` must be a number of milliseconds, not "5s"',
        '  `onSlow` must be a function, not "log"',
        '  `onDrop` must be a function, not 7',
        '  `size` is not an option',
      ].join('\n'),
    )
  })

  it('report every mistake of `boundedBatchMap` at once, and has no order or lag', () => {
    expect(
      mistakes(() =>
        boundedBatchMap(work, { ...queue, orderBy: () => 1, size: 0, maxWaitMs: 0 } as never),
      ),
    ).toBe(
      [
        'boundedBatchMap: the config is not valid',
        ...said,
        '  `slowAfterMs` must be a number of milliseconds, not "5s"',
        '  `onSlow` must be a function, not "log"',
        '  `onDrop` must be a function, not 7',
        '  `size` must be a whole number above 0, or Infinity, not 0',
        '  `maxWaitMs` must be above 0, not 0',
        '  `maxLag` is not an option',
        '  `orderBy` is not an option',
      ].join('\n'),
    )
  })

  it('report every mistake of `ingest` at once, of ingestors and of options', () => {
    const ingestors = {
      'app.bsky': () => {},
      'app.bsky.feed.post': 'save',
      handle: 5,
      '*.post': () => {},
    }
    const options = {
      capacity: 0,
      onError: 'ignore',
      attempts: 0,
      backoff: {
        initialDelayMs: -1,
        maxDelayMs: 'long',
        multiplier: 0.5,
        jitter: 'some',
        random: 4,
        cap: 1,
      },
      onDeadLetter: [],
      timeoutMs: 0,
      drainMs: -1,
      onUnrouted: true,
      retries: 3,
    }
    const syntax =
      "must be an NSID, a prefix such as app.bsky.feed.*, 'identity', 'account', 'sync' or '*'"
    expect(mistakes(() => ingest(ingestors as never, options as never))).toBe(
      [
        'ingest: the config is not valid',
        `  \`app.bsky\` ${syntax}`,
        '  `app.bsky.feed.post` must be a function, not "save"',
        '  `handle` must be a function, not 5',
        `  \`handle\` ${syntax}`,
        `  \`*.post\` ${syntax}`,
        '  `capacity` must be a whole number above 0, or Infinity, not 0',
        "  `onError` must be 'retry', 'skip' or 'fail', not \"ignore\"",
        '  `attempts` must be a whole number above 0, or Infinity, not 0',
        '  `backoff.initialDelayMs` must not be negative, not -1',
        '  `backoff.maxDelayMs` must be a number of milliseconds, not "long"',
        '  `backoff.multiplier` must be at least 1, not 0.5',
        "  `backoff.jitter` must be 'full' or 'none', not \"some\"",
        '  `backoff.random` must be a function, not 4',
        '  `backoff.cap` is not an option',
        '  `onDeadLetter` must be a function, not []',
        '  `timeoutMs` must be above 0, not 0',
        '  `drainMs` must not be negative, not -1',
        '  `onUnrouted` must be a function, not true',
        '  `retries` is not an option',
      ].join('\n'),
    )
  })

  it.each([null, undefined, 'app.bsky.feed.post', 7])('refuse %p for ingestors', (ingestors) => {
    expect(mistakes(() => ingest(ingestors as never))).toContain(
      '`ingestors` must be an object or a Map of functions',
    )
  })

  it('refuse a `maxLag` that `capacity` would never let it reach', () => {
    expect(mistakes(() => boundedMergeMap(work, { capacity: 10, maxLag: 9 }))).toContain(
      '`maxLag` must not be below `capacity` (10), not 9',
    )
    expect(mistakes(() => boundedMergeMap(work, { maxLag: 100 }))).toContain(
      '`maxLag` must not be below `capacity` (1024), not 100',
    )
    expect(mistakes(() => boundedMergeMap(work, { capacity: 10, maxLag: 10 }))).toBe('no mistake')
  })

  it('refuse NaN everywhere', () => {
    const nan = {
      capacity: Number.NaN,
      concurrency: Number.NaN,
      maxLag: Number.NaN,
      slowAfterMs: Number.NaN,
    }
    expect(mistakes(() => boundedMergeMap(work, nan)).split('\n')).toHaveLength(5)
  })

  it('take every option as undefined, which means its default', () => {
    const nothing = {
      capacity: undefined,
      concurrency: undefined,
      overflow: undefined,
      onDrop: undefined,
      slowAfterMs: undefined,
      onSlow: undefined,
    }
    expect(
      mistakes(() => boundedMergeMap(work, { ...nothing, orderBy: undefined, maxLag: undefined })),
    ).toBe('no mistake')
    expect(
      mistakes(() => boundedBatchMap(work, { ...nothing, size: undefined, maxWaitMs: undefined })),
    ).toBe('no mistake')
    expect(
      mistakes(() =>
        ingest({}, { ...nothing, drainMs: undefined, backoff: undefined, attempts: undefined }),
      ),
    ).toBe('no mistake')
  })

  it('take Infinity for what has no limit', () => {
    const endless = Number.POSITIVE_INFINITY
    expect(
      mistakes(() =>
        boundedMergeMap(work, { capacity: endless, concurrency: endless, maxLag: endless }),
      ),
    ).toBe('no mistake')
    expect(mistakes(() => ingest({}, { attempts: endless }))).toBe('no mistake')
  })
})
