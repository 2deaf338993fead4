import { asyncScheduler } from 'rxjs'
import { ConnectError } from '../../src/errors.js'
import { marbles } from '../../src/testing/index.js'
import { runFor, scripted } from './sessions.js'

type Helpers = Parameters<Parameters<typeof marbles>[0]>[0]
type Options = Parameters<typeof scripted>[2]

/** What a source logs, each line after its time in milliseconds. */
function linesOf(helpers: Helpers, sessions: readonly string[], ms: number, options?: Options) {
  const lines: string[] = []
  const warn = (text: string) => lines.push(`${asyncScheduler.now()} ${text}`)
  const { events$ } = scripted(helpers, sessions, {
    reconnect: { jitter: 'none', maxDelayMs: 4000 },
    log: { warn },
    ...options,
  })
  runFor(helpers, ms, events$)
  return lines
}

describe('a stream that reaches no host', () => {
  it(
    'logs host and reason once, after 10 s',
    marbles((helpers) => {
      const errors = Array.from({ length: 99 }, () => new ConnectError('getaddrinfo ENOTFOUND'))
      expect(linesOf(helpers, ['#'], 60_000, { errors })).toEqual([
        '10000 ws://a: not reached for 10 s, trying again: getaddrinfo ENOTFOUND',
      ])
    }),
  )

  it(
    'names the host of the last attempt, where there are several',
    marbles((helpers) => {
      const hosts = ['ws://a', 'ws://b', 'ws://c'] as const
      const errors = hosts.map((host) => new ConnectError(`no route to ${host}`))
      // The fourth attempt, again at the first host, is still under way.
      const lines = linesOf(helpers, ['#', '#', '#', '9s #'], 12_000, { hosts, errors })
      expect(lines).toEqual([
        '10000 ws://c: not reached for 10 s, trying again: no route to ws://c',
      ])
    }),
  )

  it(
    'waits for a reason where the first attempt takes as long',
    marbles((helpers) => {
      expect(linesOf(helpers, ['12500ms #'], 20_000)).toEqual([
        '13000 ws://a: not reached for 13 s, trying again: the connection closed with 1006',
      ])
    }),
  )

  it(
    'logs nothing once a host was reached, however long none is after that',
    marbles((helpers) => {
      expect(linesOf(helpers, ['#', '#', 'o#', '#'], 600_000)).toEqual([])
    }),
  )

  it(
    'logs nothing while a checkpoint is still to be loaded, or the filter wants nothing',
    marbles((helpers) => {
      const store = { load: () => new Promise<undefined>(() => {}), save: async () => {} }
      const loading = { position: { checkpoint: { store } } }
      expect(linesOf(helpers, ['o'], 60_000, loading)).toEqual([])
      expect(linesOf(helpers, ['o'], 60_000, { protocol: () => undefined })).toEqual([])
    }),
  )
})
