import type { Messages } from '../../src/cli/messages.js'
import { Watch } from '../../src/cli/watch.js'
import { ConnectError, type Gap } from '../../src/index.js'

const GAP: Gap = { host: 'ws://a/subscribe', from: 5, to: 9, reason: 'dropped', recoverable: true }

/** The line that a gap is told with. */
function lineOf(gap: Partial<Gap>): string {
  const lines: string[] = []
  const messages: Pick<Messages, 'warn' | 'detail'> = {
    warn: (text) => lines.push(text),
    detail: () => {},
  }
  new Watch(messages as Messages).gaps.next({ ...GAP, ...gap })
  return lines.join('\n')
}

describe('the line of a gap', () => {
  it('says how to ask for it again', () => {
    expect(lineOf({})).toMatch(/^gap: dropped from 5 to 9 on .*; --cursor 5 asks for it again$/)
  })

  it('writes a time as a time', () => {
    expect(lineOf({ from: 1_796_071_066_682_000, to: undefined })).toMatch(
      /^gap: dropped from 2026-11-30T20:37:46\.682Z to unknown on /,
    )
  })

  it('is the only one of a position that was given up', async () => {
    const lines: string[] = []
    const messages: Pick<Messages, 'warn' | 'detail'> = {
      warn: (text) => lines.push(text),
      detail: () => {},
    }
    const { gaps, log } = new Watch(messages as Messages)
    const warning = 'ws://a: the position was given up, going on from the oldest event: too old'
    gaps.next({ ...GAP, reason: 'cursor-too-old', recoverable: false })
    log.warn(warning)
    expect(lines).toEqual([expect.stringMatching(/^gap: cursor-too-old/)])
    await Promise.resolve()
    log.warn(warning)
    expect(lines.slice(1)).toEqual([warning])
  })

  it('says of a renumbered log that the stream has asked already', () => {
    expect(lineOf({ reason: 'renumbered' })).toMatch(
      /^gap: renumbered from 5 to 9 on .*; asked for again by time$/,
    )
  })

  it('promises nothing where nothing can be had', () => {
    expect(lineOf({ reason: 'cursor-too-old', recoverable: false })).not.toContain('again')
  })
})

describe('the line of a connection that failed', () => {
  /** What is told when a dial of `failed` failed, and `next` is dialled next. */
  function toldOf(failed: string, next: string, message: string): string {
    const lines: string[] = []
    const messages: Pick<Messages, 'warn' | 'detail'> = {
      warn: (text) => lines.push(text),
      detail: () => {},
    }
    const { metrics$ } = new Watch(messages as Messages)
    const reason = new ConnectError(message)
    const dialled = { state: 'connecting', host: failed, reason: undefined, since: 0 } as const
    const waiting = { state: 'waiting', host: next, attempt: 1, nextAttemptAt: 0, reason, since: 0 }
    for (const connection of [dialled, waiting as never])
      metrics$.next({ ...metrics$.value, connection })
    return lines.join('\n')
  }

  it('begins with the host that failed, and names another one only as the next', () => {
    const [one, other] = ['wss://one/subscribe', 'wss://other/subscribe'] as const
    expect(toldOf(one, other, 'no connection: ECONNRESET')).toBe(
      'CONNECT: wss://one: no connection: ECONNRESET; retry 1 at wss://other in 0 ms',
    )
    expect(toldOf(one, one, 'no connection: getaddrinfo ENOTFOUND one')).toBe(
      'CONNECT: no connection: getaddrinfo ENOTFOUND one; retry 1 in 0 ms',
    )
  })
})
