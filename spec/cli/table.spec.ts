import { EventEmitter } from 'node:events'
import { streamMetrics } from 'rxjs-atproto'
import { TableCounts } from '../../src/cli/table/counts.js'
import { bar, sparkline, type TableStyle, tableLines } from '../../src/cli/table/draw.js'
import { type Keyboard, keys$, TableKeys } from '../../src/cli/table/keys.js'
import { widthOf } from '../../src/cli/width.js'

const snapshot = {
  metrics: {
    ...streamMetrics().value,
    connection: { state: 'open', host: 'wss://a/', reason: undefined, since: 0 },
  },
  connected: true,
  events: 3,
  unreadable: 0,
  perSecond: 1,
  elapsedMs: 0,
} as const

const STYLE: TableStyle = { columns: 99, names: 12, colors: false, sort: 'count', filter: '' }

/** Counts after some minutes: `often` each second, `once` at the start, `late` at the end. */
function counted(): TableCounts<string> {
  const counts = new TableCounts<string>((name) => name)
  counts.add('once')
  for (let second = 0; second < 150; second++) {
    counts.moveTo(second * 1000)
    for (let n = 0; n < (second < 120 ? 4 : 8); n++) counts.add('app.bsky.feed.often')
  }
  for (let n = 0; n < 30; n++) counts.add('late')
  counts.moveTo(150_000)
  return counts
}

const linesOf = (style: Partial<TableStyle>) =>
  tableLines({ snapshot, rows: counted().rows }, { ...STYLE, ...style }).slice(2)

describe('the counts of a table', () => {
  it('have a rate over the last seconds, and the last minute by the second', () => {
    const [once, often, late] = counted().rows
    expect(once).toMatchObject({ count: 1, perSecond: 0, history: Array(60).fill(0) })
    expect(often).toMatchObject({ count: 720, perSecond: 8 })
    expect(often?.history).toEqual([...Array(30).fill(4), ...Array(30).fill(8)])
    expect(late).toMatchObject({ count: 30, perSecond: 10 })
    expect(late?.history).toEqual([...Array(59).fill(0), 30])
  })

  it('forget a minute in which the display stood still', () => {
    const counts = counted()
    counts.moveTo(1_000_000)
    expect(counts.rows[1]).toMatchObject({ count: 720, perSecond: 0, history: Array(60).fill(0) })
  })
})

describe('a line of the table', () => {
  it('has the name, the count, the rate, the share, a bar and the last minute', () => {
    expect(linesOf({ columns: 99 })[0]).toBe(
      '  app.bsky.feed.often                 720     8.0/s   96 %  ████████████████▎  ' +
        '▄▄▄▄▄▄▄▄▄▄██████████',
    )
  })

  it('fits every width from 60 columns on, and loses the rate and the minute at none', () => {
    for (let columns = 59; columns <= 200; columns++)
      for (const colors of [true, false])
        for (const line of linesOf({ columns, colors })) {
          // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences of colours
          const plain = line.replaceAll(/\u001b\[\d*m/g, '')
          expect(widthOf(plain)).toBeLessThanOrEqual(columns)
          expect(plain).toMatch(/^ {2}(\S*often|late|once) .*\/s +\d+ %/)
        }
  })

  it('joins the names that have no room', () => {
    expect(linesOf({ names: 1 })[1]).toMatch(/^ {2}and 2 more +31 +10\/s +4 %/)
  })

  it.each([
    ['count', ['often', 'late', 'once']],
    ['rate', ['late', 'often', 'once']],
    ['name', ['often', 'late', 'once']],
  ] as const)('is sorted by %s', (sort, names) => {
    expect(linesOf({ sort }).map((line) => line.trim().split(' ')[0]?.split('.').at(-1))).toEqual(
      names,
    )
  })

  it('is there only for the names of the filter', () => {
    expect(linesOf({ filter: 'FEED' })).toHaveLength(1)
  })
})

it('a bar is filled to an eighth, and the last minute is drawn to its own height', () => {
  expect([bar(0, 3), bar(0.5, 3), bar(1, 3)]).toEqual(['   ', '█▌ ', '███'])
  expect(sparkline([0, 1, 2, 4, 8, 8], 6)).toBe(' ▁▂▄██')
  expect(sparkline([0, 1, 2, 4, 8, 8], 3)).toBe('▁▃█')
  expect(sparkline([0, 0], 2)).toBe('  ')
})

describe('the keys of a table', () => {
  it('pause, sort, filter and quit', () => {
    const keys = new TableKeys()
    let quits = 0
    keys.quit$.subscribe(() => {
      quits += 1
    })
    expect(keys.hint).toBe('p pause  q quit  / filter  s sort by rate')
    keys.press('p')
    keys.press('s')
    expect([keys.isPaused, keys.sort]).toEqual([true, 'rate'])
    keys.press('/')
    keys.press('postq')
    keys.press('\u007f')
    expect(keys.hint).toMatch(/^\/post_/)
    keys.press('\r')
    expect(keys.filter).toBe('post')
    expect(keys.hint).toBe('p go on  q quit  / filter (post)  s sort by name')
    keys.press('/')
    keys.press('\u001b[A')
    keys.press('\u001b')
    expect(keys.filter).toBe('')
    keys.press('s')
    keys.press('s')
    expect([keys.sort, quits]).toEqual(['count', 0])
    keys.press('q')
    expect(quits).toBe(1)
  })
})

describe('the keyboard', () => {
  class FakeKeyboard extends EventEmitter implements Keyboard {
    readonly calls: string[] = []
    setRawMode(raw: boolean) {
      this.calls.push(`raw ${raw}`)
    }
    resume() {
      this.calls.push('resume')
    }
    pause() {
      this.calls.push('pause')
    }
  }

  it('is raw while somebody listens, and is as before at the end and at a crash', () => {
    const keyboard = new FakeKeyboard()
    const before = process.listenerCount('exit')
    const pressed: string[] = []
    const subscription = keys$(keyboard).subscribe((text) => pressed.push(text))
    expect(keyboard.calls).toEqual(['raw true', 'resume'])
    keyboard.emit('data', Buffer.from('p'))
    expect(pressed).toEqual(['p'])
    const [atExit] = process.listeners('exit').slice(-1)
    atExit?.(1)
    expect(keyboard.calls.at(-1)).toBe('raw false')
    subscription.unsubscribe()
    expect(keyboard.calls.slice(-2)).toEqual(['raw false', 'pause'])
    expect([process.listenerCount('exit'), keyboard.listenerCount('data')]).toEqual([before, 0])
  })

  it('stops the program with Ctrl-C, which sends no signal in raw mode', () => {
    const keyboard = new FakeKeyboard()
    let signals = 0
    const count = () => {
      signals += 1
    }
    process.on('SIGINT', count)
    const subscription = keys$(keyboard).subscribe()
    keyboard.emit('data', '\u0003')
    subscription.unsubscribe()
    process.off('SIGINT', count)
    expect(signals).toBe(1)
  })
})
