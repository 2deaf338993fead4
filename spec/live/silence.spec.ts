import type { RunHelpers } from 'rxjs/testing'
import { SilentError } from '../../src/errors.js'
import { CollectionFlows } from '../../src/live/collection-flows.js'
import { liveOptions, PUBLIC_SILENT_MS } from '../../src/live/config.js'
import { noEvents$ } from '../../src/live/liveness.js'
import { checkJetstreamConfig } from '../../src/sources/jetstream/config.js'
import { mayBeQuiet } from '../../src/sources/jetstream/filters.js'
import { marbles } from '../../src/testing/index.js'
import { numbered, runFor, scripted } from './sessions.js'

const TWO = ['ws://a', 'ws://b'] as const

/** Two hosts whose connections answer pings, with `silentTimeoutMs` of 60 s. */
function silent(
  helpers: RunHelpers,
  diagrams: readonly string[],
  options: Parameters<typeof scripted>[2] = {},
) {
  const lines: string[] = []
  const source = scripted(helpers, diagrams, {
    hosts: TWO,
    reconnect: { jitter: 'none' },
    silentTimeoutMs: 60_000,
    idleTimeoutMs: 45_000,
    log: { warn: (line: string) => void lines.push(line) },
    ...options,
  })
  return {
    ...source,
    lines,
    get dialled(): string {
      return source.sessions.urls.map((url) => url.charAt(5)).join('')
    },
  }
}

describe('a host without events', () => {
  it(
    'makes way for the next one after `silentTimeoutMs`, though it answers pings',
    marbles((helpers) => {
      const source = silent(helpers, ['o'])
      runFor(helpers, 150_000, source.events$)
      expect(source.dialled).toBe('aba')
      expect(source.sessions.waits).toEqual([61_000, 61_000])
      expect(source.lines).toEqual(
        TWO.map(
          (host) =>
            `${host} is left for the next host, if there is one: ` +
            'no event for `silentTimeoutMs` (60000 ms)',
        ),
      )
    }),
  )

  it(
    'is dialled again where it is the only one, and `metrics$` says why',
    marbles((helpers) => {
      const source = silent(helpers, ['oa', 'o'], { hosts: ['ws://a'] })
      runFor(helpers, 70_000, source.events$)
      expect(source.dialled).toBe('aa')
      expect(source.snapshots.map(({ connection }) => connection)).toContainEqual(
        expect.objectContaining({
          state: 'waiting',
          host: 'ws://a',
          attempt: 1,
          reason: new SilentError('no event for `silentTimeoutMs` (60000 ms)'),
        }),
      )
    }),
  )

  it(
    'never counts toward `maxAttempts`, and gives no attempt back',
    marbles((helpers) => {
      const quiet = silent(helpers, ['o'], { reconnect: { jitter: 'none', maxAttempts: 0 } })
      expect(runFor(helpers, 600_000, quiet.events$).error).toBeUndefined()
      expect(quiet.dialled).toBe('ababababab')
    }),
  )

  it(
    'gives no attempt back to the others',
    marbles((helpers) => {
      const source = silent(helpers, ['o', '#', 'o', '#'], {
        reconnect: { jitter: 'none', maxAttempts: 1 },
      })
      expect(runFor(helpers, 600_000, source.events$).error).toMatchObject({
        code: 'RECONNECT_EXHAUSTED',
      })
      expect(source.dialled).toBe('abab')
    }),
  )

  it(
    'is one with control frames and rejects alone, and none with an event a minute',
    marbles((helpers) => {
      const frames = { c: 'control', x: 'broken' }
      const noise = silent(helpers, ['o 10s c 10s x 10s c'], { frames })
      runFor(helpers, 60_500, noise.events$)
      expect(noise.dialled).toBe('a')
      runFor(helpers, 62_000, noise.events$)
      expect(noise.dialled).toBe('aab')
    }),
  )

  it(
    'is none with an event now and then',
    marbles((helpers) => {
      const source = silent(helpers, ['o 50s a 50s b 50s c 50s d'])
      runFor(helpers, 200_000, source.events$)
      expect(source.dialled).toBe('a')
    }),
  )

  it(
    'is none while nothing is read, or while the filter may match nothing',
    marbles((helpers) => {
      const flow = { arrivals: 0, isQuiet: true }
      helpers.cold('100s x').subscribe(() => {
        flow.isQuiet = false
      })
      const error = new SilentError('no event for `silentTimeoutMs` (60000 ms)')
      helpers.expectObservable(noEvents$(flow, 60_000)).toBe('155s #', undefined, error)
    }),
  )
})

describe('the default of `silentTimeoutMs`', () => {
  const hosts = ['wss://a/'] as const

  it('is a minute for the public hosts, and none elsewhere', () => {
    expect(liveOptions({}, hosts, PUBLIC_SILENT_MS).silentTimeoutMs).toBe(60_000)
    expect(liveOptions({}, hosts).silentTimeoutMs).toBe(Number.POSITIVE_INFINITY)
    expect(liveOptions({ silentTimeoutMs: 7 }, hosts, PUBLIC_SILENT_MS).silentTimeoutMs).toBe(7)
    expect(checkJetstreamConfig({}).isPublic).toBe(true)
    expect(checkJetstreamConfig({ host: 'a.test' }).isPublic).toBe(false)
  })

  it.each([
    [{}, false],
    [{ collections: ['app.bsky.feed.post'] }, false],
    [{ kinds: ['commit'] }, false],
    [{ kinds: ['commit', 'identity'], collections: ['com.example.rare'] }, false],
    [{ kinds: ['commit'], collections: ['com.example.rare'] }, true],
    [{ kinds: ['sync'] }, true],
    [{ dids: ['did:plc:someone'] }, true],
  ] as const)('applies to a filter that always matches something: %j', (filters, isQuiet) => {
    expect(mayBeQuiet(filters)).toBe(isQuiet)
  })
})

describe('a host that is blind to a collection', () => {
  /** `a` comes every `everyS` seconds until `untilS`; `b` comes every second. */
  function flowing(helpers: RunHelpers, everyS: number, untilS: number) {
    const flows = new CollectionFlows(60_000)
    for (let at = 0; at < 1000; at += 1)
      helpers.cold(`${at * 1000 + 500}ms x`).subscribe(() => {
        flows.onEvent('b')
        if (at < untilS && at % everyS === 0) flows.onEvent('a')
      })
    return flows
  }
  const blind = new SilentError(
    'no event of a arrives any more, while others do (`blindTimeoutMs`)',
    'a',
  )

  it(
    'is found after `blindTimeoutMs` where the collection came all the time',
    marbles((helpers) => {
      const flows = flowing(helpers, 1, 200)
      helpers.expectObservable(flows.watch$(), '^ 900s !').toBe('259s #', undefined, blind)
    }),
  )

  it(
    'is found after twenty times its longest pause where that is longer',
    marbles((helpers) => {
      const flows = flowing(helpers, 5, 501)
      helpers.expectObservable(flows.watch$(), '^ 900s !').toBe('620s #', undefined, blind)
    }),
  )

  it(
    'is no host whose collection came less than a hundred times',
    marbles((helpers) => {
      const flows = flowing(helpers, 5, 490)
      helpers.expectObservable(flows.watch$(), '^ 900s !').toBe('')
    }),
  )

  it(
    'is no host that is silent as a whole: only time with events counts',
    marbles((helpers) => {
      const flows = new CollectionFlows(60_000)
      for (let at = 0; at < 150; at += 1)
        helpers.cold(`${at * 1000 + 500}ms x`).subscribe(() => flows.onEvent('a'))
      helpers.expectObservable(flows.watch$(), '^ 900s !').toBe('')
    }),
  )

  it(
    'is left for the next one, with a warning',
    marbles((helpers) => {
      // One letter for each event: `a` comes for two minutes, `b` goes on.
      const ids = Array.from({ length: 250 }, (_, second) =>
        second % 2 === 0 && second < 240 ? 'a' : 'b',
      ).concat(Array.from({ length: 100 }, () => 'b'))
      const letters = ids.map((_, index) => String.fromCharCode(0x4e00 + index))
      const frames = Object.fromEntries(
        letters.map((letter, index) => [letter, numbered(index, `${ids[index]}${index}`)]),
      )
      const source = silent(helpers, [`o${letters.map((one) => ` 999ms ${one}`).join('')}`, 'o'], {
        silentTimeoutMs: Number.POSITIVE_INFINITY,
        collections: { blindTimeoutMs: 60_000, of: ({ id }) => id.charAt(0) },
        frames,
      })
      runFor(helpers, 340_000, source.events$)
      expect(source.dialled).toBe('ab')
      // The last `a` came after 239 s; it came every two seconds.
      expect(source.sessions.times[1]).toBe(299_000)
      expect(source.lines).toEqual([
        'ws://a is left for the next host, if there is one: ' +
          'no event of a arrives any more, while others do (`blindTimeoutMs`)',
      ])
    }),
  )
})
