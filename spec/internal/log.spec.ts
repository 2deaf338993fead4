import { fileCursorStore } from '../../src/cursors/file.js'
import {
  ConfigError,
  firehose$,
  jetstream$,
  type Logger,
  labels$,
  listRepos$,
  tap$,
} from '../../src/index.js'
import { logOf } from '../../src/internal/log.js'
import { redisStream$, toRedisStream } from '../../src/redis.js'

describe('the log', () => {
  afterEach(() => jest.restoreAllMocks())

  it('goes to console.warn by default, one line each, with the name of the library', () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {})
    logOf(undefined).warn('one')
    logOf(console).warn('two')
    expect(warn.mock.calls).toEqual([['rxjs-atproto: one'], ['rxjs-atproto: two']])
  })

  it('is silent where it is false', () => {
    const methods = (['log', 'info', 'warn', 'error'] as const).map((name) =>
      jest.spyOn(console, name).mockImplementation(() => {}),
    )
    logOf(false).warn('one')
    for (const method of methods) expect(method).not.toHaveBeenCalled()
  })

  it('goes to a logger of the program, called as its method', () => {
    class Lines implements Logger {
      readonly #lines: string[] = []
      warn(message: string): number {
        return this.#lines.push(message)
      }
      get all(): readonly string[] {
        return this.#lines
      }
    }
    const lines = new Lines()
    logOf(lines).warn('one')
    expect(lines.all).toEqual(['one'])
  })

  it('is one line without control characters, whatever a server put into it', () => {
    const warn = jest.fn()
    logOf({ warn }).warn('a\r\nb\u001b[31mc\u202ed\u061ce\u2028f\ud800g ✨')
    expect(warn.mock.calls).toEqual([['a b [31mc d e f g ✨']])
  })

  it('is harmless where the logger throws, or rejects', () => {
    const failing = () => {
      throw new Error('the disk is full')
    }
    expect(() => logOf({ warn: failing }).warn('one')).not.toThrow()
    const rejected = Promise.reject(new Error('the disk is full'))
    const heard = jest.spyOn(rejected, 'then')
    logOf({ warn: () => rejected }).warn('one')
    expect(heard).toHaveBeenCalledWith(undefined, expect.any(Function))
  })
})

describe('the `log` of', () => {
  const client = { sendCommand() {}, duplicate() {}, connect() {}, destroy() {} }
  const takers: Readonly<Record<string, (log: never) => unknown>> = {
    jetstream$: (log) => jetstream$({ log }),
    firehose$: (log) => firehose$({ log }),
    labels$: (log) => labels$({ host: 'mod.bsky.app', log }),
    listRepos$: (log) => listRepos$({ log }),
    tap$: (log) => tap$({ log }),
    redisStream$: (log) =>
      redisStream$({ client: client as never, stream: 's', group: 'g', consumer: 'c', log }),
    toRedisStream: (log) => toRedisStream({ client: client as never, stream: 's', log }),
    fileCursorStore: (log) => fileCursorStore('cursor.json', { log }),
  }

  it.each(Object.entries(takers))('%s is false or a logger, and nothing else', (_, take) => {
    for (const log of [
      undefined,
      false,
      console,
      { warn() {} },
      Object.assign(() => {}, { warn() {} }),
    ])
      take(log as never)
    for (const log of [true, null, 'console', {}, { warn: true }]) {
      expect(() => take(log as never)).toThrow(ConfigError)
      expect(() => take(log as never)).toThrow(/`log`.* must be false, or a logger/)
    }
  })
})
