import type { Messages } from '../../src/cli/messages.js'
import { Watch } from '../../src/cli/watch.js'
import type { Gap } from '../../src/index.js'

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

  it('says of a renumbered log that the stream has asked already', () => {
    expect(lineOf({ reason: 'renumbered' })).toMatch(
      /^gap: renumbered from 5 to 9 on .*; asked for again by time$/,
    )
  })

  it('promises nothing where nothing can be had', () => {
    expect(lineOf({ reason: 'cursor-too-old', recoverable: false })).not.toContain('again')
  })
})
