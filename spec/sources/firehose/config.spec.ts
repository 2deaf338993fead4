import { ConfigError, type FirehoseConfig, firehose$, streamMetrics } from '../../../src/index.js'

/** The options that the error names, in order. */
function issuesOf(config: unknown): readonly string[] {
  try {
    firehose$(config as FirehoseConfig)
  } catch (error) {
    return (error as ConfigError).issues.map(({ option }) => option)
  }
  return []
}

const schema = {
  '~standard': { version: 1, vendor: 'spec', validate: (value: unknown) => ({ value }) },
}

describe('a config of firehose$', () => {
  it('may be empty, and dials nothing until there is a subscriber', () => {
    expect(issuesOf({})).toEqual([])
    expect(issuesOf(undefined)).toEqual([])
  })

  it.each<[string, object]>([
    ['a host name', { host: 'relay1.us-east.bsky.network' }],
    ['several hosts', { host: ['bsky.network', 'wss://pds.example.com', 'localhost:2583'] }],
    ['a number to start at', { cursor: 26_000_000_000 }],
    ['the ends of the log', { cursor: 'oldest' }],
    [
      'filters',
      {
        collections: ['app.bsky.feed.post', 'app.bsky.graph.*'],
        dids: ['did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'],
        kinds: ['commit', 'sync'],
      },
    ],
    ['a subject of metrics', { metrics$: streamMetrics() }],
    [
      'a subject for each host',
      { host: ['a.example', 'b.example'], metrics$: () => streamMetrics() },
    ],
    ['schemas', { records: { 'app.bsky.feed.post': schema } }],
    [
      'options that are given as undefined',
      { cursor: undefined, host: undefined, checkpoint: undefined, collections: undefined },
    ],
  ])('takes %s', (_, config) => {
    expect(issuesOf(config)).toEqual([])
  })

  it.each<[string, object, readonly string[]]>([
    ['an option that is none', { wantedCollections: [] }, ['wantedCollections']],
    ['an option of Jetstream', { compress: true, wire: 'v1' }, ['compress', 'wire']],
    ['a time for a number', { cursor: new Date() }, ['cursor']],
    ['a number below 0', { cursor: -1 }, ['cursor']],
    ['a fraction', { cursor: 1.5 }, ['cursor']],
    ['no host', { host: [] }, ['host']],
    ['one host twice', { host: ['bsky.network', 'wss://bsky.network'] }, ['host']],
    ['one number for several hosts', { host: ['a.example', 'b.example'], cursor: 5 }, ['cursor']],
    [
      'one subject for several hosts',
      { host: ['a.example', 'b.example'], metrics$: streamMetrics() },
      ['metrics$'],
    ],
    ['a password in a URL', { host: 'wss://me:secret@pds.example.com' }, ['host']],
    [
      'no NSID',
      { collections: ['posts'], records: { posts: schema } },
      ['collections.0', 'records.posts'],
    ],
    ['no DID', { dids: ['alice.test'] }, ['dids.0']],
    ['no kind', { kinds: ['commits'] }, ['kinds.0']],
    [
      'a filter that never applies',
      { collections: ['app.bsky.feed.post'], kinds: ['identity'] },
      ['collections'],
    ],
    ['an empty list of collections', { collections: [] }, ['collections']],
    ['an empty list of DIDs', { dids: [] }, ['dids']],
    ['no policy', { onCursorRefused: 'ask' }, ['onCursorRefused']],
    ['no schema', { records: { 'app.bsky.feed.post': {} } }, ['records.app.bsky.feed.post']],
  ])('with %s is refused at the call', (_, config, options) => {
    expect(issuesOf(config)).toEqual(options)
  })

  it('tells all its mistakes at once', () => {
    expect(
      issuesOf({ cursor: 'now', kinds: ['x'], maxFrameBytes: 0, onLargeFrame: 'drop' }),
    ).toEqual(['maxFrameBytes', 'cursor', 'onLargeFrame', 'kinds.0'])
    expect(() => firehose$({ cursor: -1 })).toThrow(ConfigError)
  })
})
