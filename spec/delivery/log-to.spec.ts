import { logTo } from '../../src/delivery/log-to.js'
import { ConfigError, FrameError } from '../../src/errors.js'
import { marbles } from '../../src/testing/index.js'
import { runFor, scripted } from '../live/sessions.js'

function recorded() {
  const lines: string[] = []
  const at = (level: string) => (text: string) => lines.push(`${level} ${text}`)
  return { lines, logger: { info: at('info'), warn: at('warn'), error: at('error') } }
}

describe('logTo', () => {
  it(
    'writes one line for each change of the state, with the reason',
    marbles((helpers) => {
      const { lines, logger } = recorded()
      const { events$, metrics$ } = scripted(helpers, ['o 2500ms #', '#'], {
        reconnect: { jitter: 'none', maxAttempts: 2, initialDelayMs: 500 },
      })
      metrics$.subscribe(logTo(logger).metrics$)
      runFor(helpers, 10_000, events$)
      const closed = 'after CONNECTION_CLOSED: the connection closed with 1006'
      expect(lines).toEqual([
        'info ws://a: connecting',
        'info ws://a: open',
        `warn ws://a: retry 1 in 0.5 s, ${closed}`,
        'info ws://a: connecting',
        `warn ws://a: retry 2 in 1.0 s, ${closed}`,
        'info ws://a: connecting',
        expect.stringMatching(/^error ws:\/\/a: ended by RECONNECT_EXHAUSTED: /),
      ])
    }),
  )

  it(
    'spread into a config, writes its gaps and rejects too',
    marbles((helpers) => {
      const { lines, logger } = recorded()
      const { gaps, rejects } = logTo(logger)
      const gap = { host: 'ws://a', from: 1, to: 9, reason: 'renumbered', recoverable: false }
      gaps.next?.(gap as never)
      rejects.next?.({ host: 'ws://a', frame: 'x', length: 5, error: new FrameError('broken') })
      expect(lines).toEqual([
        'warn ws://a: events may be lost, from 1 to 9 (renumbered)',
        'warn ws://a: a frame of length 5 cannot be read: broken',
      ])
      helpers.flush()
    }),
  )

  it('uses `warn` where a logger has no other method', () => {
    const warn = jest.fn()
    const { metrics$ } = logTo({ warn })
    const connection = { state: 'open', host: 'ws://a', reason: undefined, since: 0 } as const
    metrics$.next({ ...metrics$.value, connection })
    expect(warn.mock.calls).toEqual([['ws://a: open']])
  })

  it('keeps stdout free for the data of the program', () => {
    const [warn, info] = (['warn', 'info'] as const).map((name) =>
      jest.spyOn(console, name).mockImplementation(() => {}),
    )
    const { metrics$ } = logTo(console)
    const connection = { state: 'open', host: 'ws://a', reason: undefined, since: 0 } as const
    metrics$.next({ ...metrics$.value, connection })
    expect(warn?.mock.calls).toEqual([['rxjs-atproto: ws://a: open']])
    expect(info).not.toHaveBeenCalled()
    jest.restoreAllMocks()
  })

  it('refuses what is no logger', () => {
    expect(() => logTo({} as never)).toThrow(ConfigError)
  })
})
