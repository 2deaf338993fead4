import { EMPTY } from 'rxjs'
import {
  ConfigError,
  type JetstreamConfig,
  jetstream$,
  memoryCursorStore,
} from '../../../src/index.js'
import { checkJetstreamConfig } from '../../../src/sources/jetstream/config.js'

/** The issues of a config that is not valid, one line each. */
function issuesOf(config: unknown): readonly string[] {
  try {
    jetstream$(config as JetstreamConfig)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.issues.map(({ option, message }) => `${option}: ${message}`)
  }
}

const nsids = (count: number) =>
  Array.from({ length: count }, (_, index) => `com.example.c${index}`)
const dids = (count: number) => Array.from({ length: count }, (_, index) => `did:plc:${index}`)

describe('the config of jetstream$', () => {
  it('may be absent, empty, or full of undefined', () => {
    expect(issuesOf(undefined)).toEqual([])
    expect(issuesOf({})).toEqual([])
    expect(
      issuesOf({
        host: undefined,
        collections: undefined,
        metrics$: undefined,
        reconnect: undefined,
      }),
    ).toEqual([])
  })

  it('is checked at the call, before anybody subscribes', () => {
    expect(() => jetstream$({ collections: ['nope'] })).toThrow(ConfigError)
  })

  it('is told all its mistakes at once, one line each, with the option and the value', () => {
    const config = {
      wire: 'v3',
      collections: 'app.bsky.feed.post',
      reconnect: { maxAttempts: -1, jitter: 'some' },
      idleTimeoutMs: '45s',
    }
    let message = ''
    try {
      jetstream$(config as unknown as JetstreamConfig)
    } catch (error) {
      message = (error as Error).message
    }
    expect(message.split('\n')).toHaveLength(6)
    expect(message).toContain('jetstream$: the config is not valid')
    expect(message).toMatch(/`wire` must be .*, not "v3"/)
    expect(message).toContain('`collections` must be a list of NSIDs, not "app.bsky.feed.post"')
    expect(message).toContain('`reconnect.maxAttempts` must be a whole number, or Infinity, not -1')
    expect(message).toContain("`reconnect.jitter` must be 'full' or 'none', not \"some\"")
    expect(message).toContain('`idleTimeoutMs` must be a number of milliseconds, not "45s"')
  })

  it('tells mistakes in lists and hosts at once as well', () => {
    const issues = issuesOf({
      collections: ['nope', 'app.bsky.feed.post'],
      dids: ['x'],
      host: ['ok.example', 'ftp://x'],
      cursor: 1.7e12,
    })
    expect(issues.map((issue) => issue.split(':')[0])).toEqual([
      'host.1',
      'collections.0',
      'dids.0',
      'cursor',
    ])
  })

  it('may not hold an option that does not exist', () => {
    expect(issuesOf({ colections: [], reconnect: { maxRetries: 3 } })).toEqual(
      expect.arrayContaining([
        'colections: is not an option',
        'reconnect.maxRetries: is not an option',
      ]),
    )
  })

  it.each([
    ['reconnect', 5],
    ['reconnect', { initialDelayMs: -1 }],
    ['reconnect', { multiplier: 0.5 }],
    ['reconnect', { maxAttempts: 1.5 }],
    ['reconnect', { random: 4 }],
    ['connectTimeoutMs', 0],
    ['connectTimeoutMs', Number.NaN],
    ['idleTimeoutMs', -1],
    ['pauseCloseMs', -1],
    ['refusedForMs', -1],
    ['silentTimeoutMs', 0],
    ['blindTimeoutMs', 59_999],
    ['maxFrameBytes', 0],
    ['maxFrameBytes', 1.5],
    ['headers', 'a: b'],
    ['headers', { a: 1 }],
    ['userAgent', 7],
    ['metrics$', 7],
    ['rejects', () => undefined],
    ['gaps', { next: 7 }],
    ['checkpoint', { load: () => undefined }],
    ['checkpoint', { store: {} }],
    ['checkpoint', { store: memoryCursorStore(), everyMs: 0 }],
    ['checkpoint', { store: memoryCursorStore(), everyMs: Number.POSITIVE_INFINITY }],
    ['checkpoint', { store: memoryCursorStore(), failAfterMs: Number.NEGATIVE_INFINITY }],
    ['checkpoint', { store: memoryCursorStore(), positionFormat: JSON }],
    ['host', []],
    ['host', 7],
    ['cursor', 'newest'],
    ['cursor', -1],
    ['cursor', 1.5],
    ['cursor', new Date('x')],
    ['cursor', { ago: -1 }],
    ['onCursorRefused', 'retry'],
    ['kinds', ['commits']],
    ['maxMessageSizeBytes', 0],
    ['records', { 'app.bsky.feed.post': {} }],
  ])('refuses `%s`: %p', (option, value) => {
    const issues = issuesOf({ [option]: value })
    expect(issues).toHaveLength(1)
    expect(issues[0]).toMatch(new RegExp(`^${option.replace('$', '\\$')}`))
  })

  it.each(['connectTimeoutMs', 'idleTimeoutMs', 'pauseCloseMs'])(
    'refuses a `%s` that no timer can wait for: it would fire at once',
    (option) => {
      expect(issuesOf({ [option]: Number.MAX_SAFE_INTEGER })).toHaveLength(1)
      expect(issuesOf({ [option]: 2 ** 31 - 1 })).toEqual([])
    },
  )

  it('refuses delays between attempts that no timer can wait for', () => {
    expect(issuesOf({ reconnect: { initialDelayMs: 2 ** 31, maxDelayMs: 2 ** 31 } })).toHaveLength(
      2,
    )
    expect(issuesOf({ checkpoint: { store: memoryCursorStore(), everyMs: 2 ** 31 } })).toHaveLength(
      1,
    )
  })

  it('takes a checkpoint that never fails the stream, and one with a format of its own', () => {
    const positionFormat = { write: String, read: () => undefined }
    const failAfterMs = Number.POSITIVE_INFINITY
    const checkpoint = { store: memoryCursorStore(), failAfterMs, positionFormat }
    expect(issuesOf({ checkpoint })).toEqual([])
  })

  it('takes 100 collections, counted once each, and any number of DIDs', () => {
    expect(issuesOf({ collections: nsids(100), dids: dids(10_001) })).toEqual([])
    expect(issuesOf({ wire: 'v2', dids: dids(10_001) })).toEqual([])
    expect(issuesOf({ collections: [...nsids(100), ...nsids(100)] })).toEqual([])
    expect(issuesOf({ collections: nsids(101) })).toEqual([
      'collections: has 101 entries; servers take 100',
    ])
    expect(issuesOf({ archive: true, host: 'a.test', dids: dids(10_001) })).toEqual([
      'dids: has 10001 entries; beside an archive it takes 9893',
    ])
  })

  it('takes the DIDs of one connection beside an external checkpoint', () => {
    const checkpoint = { store: memoryCursorStore(), external: true }
    expect(issuesOf({ checkpoint, dids: dids(10_000) })).toEqual([])
    expect(issuesOf({ checkpoint, dids: dids(10_001) })).toEqual([
      'dids: has 10001 entries; beside an external checkpoint it takes 10000',
    ])
    expect(issuesOf({ checkpoint, wire: 'v2', dids: dids(9894) })).toEqual([
      'dids: has 9894 entries; beside an external checkpoint it takes 9893',
    ])
  })

  it.each(['app.bsky.feed.post', 'app.bsky.*', 'app.*', 'com.example.a-b.fooBar', 'a.b.c'])(
    'takes the collection %s',
    (nsid) => {
      expect(issuesOf({ collections: [nsid] })).toEqual([])
    },
  )

  it.each([
    '',
    'post',
    'app.bsky',
    'app.bsky.fo*',
    '*',
    '.*',
    'app..post',
    'app.bsky.feed.1post',
    'app.bsky.feed.po-st',
    `app.bsky.${'x'.repeat(320)}`,
  ])('refuses the collection %p', (nsid) => {
    expect(issuesOf({ collections: [nsid] })).toEqual([
      expect.stringMatching(/^collections\.0: must be an NSID or a prefix/),
    ])
  })

  it.each(['did:plc:ewvi7nxzyoun6zhxrhs64oiz', 'did:web:example.com', 'did:web:localhost%3A2583'])(
    'takes the DID %s',
    (did) => {
      expect(issuesOf({ dids: [did] })).toEqual([])
    },
  )

  it.each([
    '',
    'did',
    'did:plc',
    'did:plc:',
    'alice.example',
    'DID:plc:x',
    'did:plc:a b',
    'did:web:x:',
  ])('refuses the DID %p', (did) => {
    expect(issuesOf({ dids: [did] })).toEqual([expect.stringMatching(/^dids\.0: must be a DID/)])
  })

  it.each([
    ['milliseconds', Date.now(), /looks like milliseconds: pass a Date/],
    ['nanoseconds', Date.now() * 1e6, /must be/],
    ['microseconds of next week', (Date.now() + 7 * 86_400_000) * 1000, /lies in the future/],
    ['a Date of tomorrow', new Date(Date.now() + 86_400_000), /lies in the future/],
  ])('refuses a cursor in %s', (_, cursor, message) => {
    expect(issuesOf({ cursor })).toEqual([expect.stringMatching(message)])
  })

  it('takes a Date that the clock of another machine put a little ahead', () => {
    expect(issuesOf({ cursor: new Date(Date.now() + 500) })).toEqual([])
    expect(issuesOf({ cursor: new Date(Date.now() + 30_000) })).toEqual([])
    expect(issuesOf({ cursor: new Date(Date.now() + 3_600_000) })).toHaveLength(1)
    const { start } = checkJetstreamConfig({ cursor: new Date(Date.now() + 30_000) })
    // A server would refuse a time that is still to come, or start elsewhere.
    expect(start(0)).toBeLessThanOrEqual(Date.now() * 1000)
  })

  it.each(['collections', 'dids'])('refuses an empty list of `%s`', (option) => {
    expect(issuesOf({ [option]: [] })).toEqual([
      `${option}: must not be empty: leave it out for all of them, not []`,
    ])
  })

  it("refuses kind 'sync' where only wire v1 may be spoken, which has none", () => {
    const mistake = ["kinds: can never bring 'sync': wire v1 has no such events"]
    expect(issuesOf({ wire: 'v1', kinds: ['sync'] })).toEqual(mistake)
    expect(issuesOf({ host: 'wss://a.test/subscribe', kinds: ['commit', 'sync'] })).toEqual(mistake)
    expect(issuesOf({ wire: 'v2', kinds: ['sync'] })).toEqual([])
    expect(issuesOf({ kinds: ['sync'] })).toEqual([])
  })

  it('refuses filters that wire v2 cannot carry, where only that may be spoken', () => {
    const v2 = 'wss://a.test/xrpc/network.bsky.jetstream.subscribeEvents'
    const mistake = [expect.stringMatching(/^collections\.1: .*no prefix of one label.* app\.\*/)]
    const collections = ['a.b.c', 'app.*']
    expect(issuesOf({ wire: 'v2', collections })).toEqual(mistake)
    expect(issuesOf({ host: v2, collections })).toEqual(mistake)
    expect(issuesOf({ wire: 'v1', collections })).toEqual([])
    expect(issuesOf({ collections })).toEqual([])
  })

  it.each(['live', 'oldest', 0, 24_664_288_884, Date.now() * 1000, new Date(0), { ago: 60_000 }])(
    'takes the cursor %p',
    (cursor) => {
      expect(issuesOf({ cursor })).toEqual([])
    },
  )

  it('refuses the endpoint of another wire, and endpoints of two', () => {
    const v2 = 'wss://example.com/xrpc/network.bsky.jetstream.subscribeEvents'
    expect(issuesOf({ host: v2 })).toEqual([])
    expect(issuesOf({ host: v2, wire: 'v1' })).toEqual([expect.stringContaining('wire v1 and v2')])
    expect(issuesOf({ host: [v2, 'wss://example.com/subscribe'] })).toEqual([
      expect.stringContaining('wire v1 and v2'),
    ])
  })

  it.each([
    ['com.atproto.sync.subscribeRepos', 'firehose$'],
    ['com.atproto.label.subscribeLabels', 'labels$'],
  ])('refuses the endpoint %s, and names its reader', (method, reader) => {
    expect(issuesOf({ host: `wss://example.com/xrpc/${method}` })).toEqual([
      expect.stringMatching(`${method}.*\`${reader.replace('$', '\\$')}\``),
    ])
  })

  it('refuses a path that is no endpoint', () => {
    expect(issuesOf({ host: 'wss://example.com/jetstream' })).toEqual([
      expect.stringContaining('/jetstream'),
    ])
  })

  it.each<[Record<string, string>, string]>([
    [{ 'x y': 'z' }, 'a name'],
    [{ authorization: 'pass\nword' }, 'a value with a line break'],
    [{ authorization: 'pässwörd→' }, 'a value outside Latin-1'],
  ])('refuses headers that HTTP cannot carry: %p (%s)', (headers) => {
    const issues = issuesOf({ headers })
    expect(issues).toEqual([expect.stringMatching(/^headers/)])
    // It may be a password.
    expect(issues[0]).not.toContain('pass')
  })

  it('takes any subject, observer or part of one', () => {
    expect(
      issuesOf({ gaps: {}, rejects: { next: () => undefined, error: () => undefined } }),
    ).toEqual([])
  })

  it('takes new filters from an observable, and from nothing else', () => {
    expect(issuesOf({ filters$: EMPTY })).toEqual([])
    expect(issuesOf({ filters$: {} as never })).toEqual([expect.stringContaining('filters$')])
  })

  it('keeps long values out of messages', () => {
    const [issue = ''] = issuesOf({ dids: [`did:${'x'.repeat(5000)}`] })
    expect(issue.length).toBeLessThan(200)
  })
})
