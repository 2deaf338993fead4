import { Writable } from 'node:stream'
import { ConnectError, type JetstreamEvent, streamMetrics } from 'rxjs-atproto'
import { generateEvents } from 'rxjs-atproto/testing'
import { Messages } from '../../src/cli/messages.js'
import { LineWriter } from '../../src/cli/output.js'
import { metricsLines, statusLine, summaryOf } from '../../src/cli/progress.js'
import { Rate, type Snapshot } from '../../src/cli/snapshot.js'
import { liveTable, nameOfEvent, TableCounts } from '../../src/cli/table.js'
import { duration, plain, terminalJson } from '../../src/cli/text.js'

/**
 * A terminal of a given width, and what a person sees on it: only what LiveRegion uses is
 * understood.
 */
class Screen {
  readonly isTTY = true
  readonly lines = ['']
  written = ''
  #row = 0
  #column = 0

  constructor(readonly columns: number) {}

  write(text: string): boolean {
    this.written += text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it reads
    for (const [token] of text.matchAll(/\u001b\[\d*[A-Za-z]|[\s\S]/g)) this.#take(token)
    return true
  }

  get shown(): string {
    return this.lines.map((line) => line.trimEnd()).join('\n')
  }

  #take(token: string): void {
    const line = this.lines[this.#row] ?? ''
    if (token === '\r') this.#column = 0
    else if (token === '\n') this.#down()
    else if (token === '\u001b[K') this.lines[this.#row] = line.slice(0, this.#column)
    else if (token === '\u001b[J') this.#clearBelow(line)
    else if (/\[\d+A$/.test(token)) this.#row -= Number(token.slice(2, -1))
    else if (!token.startsWith('\u001b')) this.#put(line, token)
  }

  #put(line: string, character: string): void {
    this.lines[this.#row] =
      line.slice(0, this.#column).padEnd(this.#column) + character + line.slice(this.#column + 1)
    this.#column += 1
    if (this.#column > this.columns) throw new Error('the line wrapped')
  }

  #down(): void {
    this.#row += 1
    this.#column = 0
    this.lines[this.#row] ??= ''
  }

  #clearBelow(line: string): void {
    this.lines[this.#row] = line.slice(0, this.#column)
    this.lines.length = this.#row + 1
  }
}

const COLOR = { color: true }
const HOST = 'wss://jetstream.example/subscribe'

const reading = (changes: Partial<Snapshot> = {}): Snapshot => ({
  metrics: {
    ...streamMetrics().value,
    connection: { state: 'open', host: HOST, reason: undefined, since: 0 },
    lagMs: 1234,
    dropped: 2,
  },
  connected: true,
  events: 4213,
  unreadable: 0,
  perSecond: 1003.4,
  elapsedMs: 4200,
  ...changes,
})

describe('on a terminal', () => {
  it('the status has a bar while an archive is read', () => {
    const screen = new Screen(90)
    const view = statusLine(new Messages(screen, COLOR, {}))
    const { metrics } = reading()
    const archive = {
      from: 0,
      at: 415,
      tip: 1000,
      percent: 41.5,
      bytes: 1,
      rows: 415,
      rowsPerSecond: 100,
      etaMs: 7000,
      plans: 1,
      waits: 0,
    }
    view?.show(reading({ metrics: { ...metrics, wire: 'archive', archive } }))
    expect(screen.shown).toContain('[####------] 41.5 % of the archive, 7.0 s left  2 dropped')
    view?.show(reading({ metrics: { ...metrics, wire: 'v2', archive } }))
    expect(screen.shown).toContain('lag 1.2 s')
    view?.end(reading())
  })

  it('the status is one line that is rewritten, never wraps, and makes room for warnings', () => {
    const screen = new Screen(60)
    const messages = new Messages(screen, COLOR, {})
    const view = statusLine(messages)

    view?.show(reading())
    expect(screen.shown).toBe('4,213 events  1,003/s  lag 1.2 s  2 dropped  open wss://jet')
    messages.warn('something happened')
    view?.show(reading({ events: 1, perSecond: 0 }))
    expect(screen.shown).toBe(
      'warning something happened\n1 event  0/s  lag 1.2 s  2 dropped  open wss://jetstream.ex',
    )
    view?.end(reading())
    expect(screen.shown).toBe('warning something happened\n')
  })

  it.each([
    ['NO_COLOR is set', COLOR, { NO_COLOR: '1' }],
    ['--no-color is given', { color: false }, {}],
  ])('there is no colour when %s, but a table', (_when, options, environment) => {
    const screen = new Screen(80)
    const messages = new Messages(screen, options, environment)
    const view = liveTable(messages, new TableCounts(nameOfEvent))
    view?.show(reading())
    messages.error('CODE: it failed')
    view?.end(reading())
    expect(screen.shown).toMatch(/^error: CODE: it failed\nopen wss:.*\n4,213 events/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences of colours
    expect(screen.written).not.toMatch(/\u001b\[\d*m/)
  })

  it.each([['TERM is dumb', COLOR, { TERM: 'dumb' }]])(
    'there is no escape sequence when %s',
    (_when, options, environment) => {
      const screen = new Screen(60)
      const messages = new Messages(screen, options, environment)
      const view = statusLine(messages)

      view?.show(reading())
      messages.error('CODE: it failed')
      view?.show(reading({ events: 1 }))
      view?.end(reading())

      expect(screen.shown).toBe('error: CODE: it failed\n')
      expect(screen.written).not.toContain('\u001b')
    },
  )

  it('there is no status and no table with `--quiet`', () => {
    const quiet = new Messages(new Screen(60), { ...COLOR, quiet: true }, {})
    expect([statusLine(quiet), liveTable(quiet, new TableCounts(nameOfEvent))]).toEqual([
      undefined,
      undefined,
    ])
  })

  it('the table is redrawn in place, grows, shrinks, and stays at the end', () => {
    const screen = new Screen(80)
    const messages = new Messages(screen, COLOR, {})
    const counts = new TableCounts(nameOfEvent)
    const view = liveTable(messages, counts, { hint: ['a hint'] })
    view?.show(reading())
    const [first] = generateEvents({ seed: 2 }) as Iterable<JetstreamEvent>
    if (first !== undefined) counts.add(first)
    view?.show(reading())
    messages.warn('in between')
    view?.end(reading())
    messages.info('the summary')

    expect(screen.shown.split('\n')).toEqual([
      'warning in between',
      'open wss://jetstream.example  4.2 s',
      '4,213 events  1,003/s  lag 1.2 s  2 dropped',
      expect.stringMatching(/^ {2}app\.bsky\.\S+ +1 +0\/s +100 % +█+$/),
      '',
      'a hint',
      'the summary',
      '',
    ])
  })

  it('an event keeps its value and has no effect on the terminal', async () => {
    const written: string[] = []
    const stream = Object.assign(
      new Writable({
        decodeStrings: false,
        write: (text: string, _encoding, done) => done(void written.push(text)),
      }),
      {
        isTTY: true,
      },
    )
    let cleared = 0
    const sink = new LineWriter(stream, () => {
      cleared += 1
    })
    const event = { text: '\u001b[2J \u009b2J \u202e \u007f ö' }

    await sink.write(JSON.stringify(event))

    expect(JSON.parse(written.join(''))).toEqual(event)
    expect(written.join('')).toBe('{"text":"\\u001b[2J \\u009b2J \\u202e \\u007f ö"}\n')
    expect(cleared).toBe(1)
  })
})

describe('elsewhere', () => {
  it('there is no status line, and the table is a line per second', () => {
    const written: string[] = []
    const stderr = { write: (text: string) => written.push(text) }
    const messages = new Messages(stderr, COLOR, {})
    expect(statusLine(messages)).toBeUndefined()
    liveTable(messages, new TableCounts(nameOfEvent))?.show(reading())
    expect(written).toEqual([
      '4,213 events  1,003/s  lag 1.2 s  2 dropped  open wss://jetstream.example\n',
    ])
  })

  it('metrics say why a retry waits, without a stack', () => {
    const written: string[] = []
    const messages = new Messages(
      { write: (text: string) => written.push(text) },
      { ...COLOR, quiet: true },
      {},
    )
    const reason = new ConnectError('no route')
    const connection = {
      state: 'waiting',
      host: HOST,
      attempt: 1,
      nextAttemptAt: 5,
      reason,
    } as never
    metricsLines(messages).show(reading({ metrics: { ...reading().metrics, connection } }))
    expect(JSON.parse(written.join(''))).toMatchObject({
      written: 4213,
      connection: {
        state: 'waiting',
        attempt: 1,
        reason: { code: 'CONNECT', message: 'no route' },
      },
    })
  })
})

describe('the summary', () => {
  it('says that there was never a connection', () => {
    const metrics = { ...reading().metrics, reconnects: 3 }
    expect(summaryOf(reading({ metrics, connected: false, events: 0 }))).toBe(
      '0 events in 4.2 s: never connected, 4 tries',
    )
  })
})

describe('with --metrics', () => {
  it('each message is a line of JSON, too', () => {
    const written: string[] = []
    const stderr = { write: (text: string) => written.push(text) }
    const messages = new Messages(stderr, { ...COLOR, metrics: true }, {})
    messages.warn('a\u009bb')
    messages.error('c')
    expect(written.map((line) => JSON.parse(line))).toEqual([
      { level: 'warning', message: 'a\u009bb' },
      { level: 'error', message: 'c' },
    ])
  })
})

describe('text', () => {
  it('of a server stays on its line and does not drive the terminal', () => {
    expect(plain('a\u001b[2J\r\nb\u009bc\u202ed\u2028e')).toBe('a [2J  b c d e')
  })

  it('of a server loses characters that reorder it, and keeps those of emoji', () => {
    const turning = [
      '\u061c',
      '\u200e',
      '\u200f',
      '\u202a',
      '\u202e',
      '\u2066',
      '\u2069',
      '\u206a',
      '\u206f',
      '\ufff9',
      '\u2029',
    ]
    expect(turning.map(plain)).toEqual(turning.map(() => ' '))
    expect(turning.map(terminalJson)).toEqual(
      turning.map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`),
    )
    const kept = 'می\u200cخواهم 👩\u200d👩\u200d👧 שלום ö 日本 🏴\u{e0067}\u{e0062}\u{e007f} \ud800'
    expect(plain(kept)).toBe(kept)
    expect(terminalJson(kept)).toBe(kept)
  })

  it.each([
    [0, '0 ms'],
    [999.6, '1.0 s'],
    [1000, '1.0 s'],
    [59_000, '59 s'],
    [90_000, '1.5 m'],
    [7_200_000, '2.0 h'],
    [86_400_000 * 140, '140 d'],
  ])('for %i ms is %s', (ms, expected) => expect(duration(ms)).toBe(expected))

  it('counts at most a thousand names, since anyone can make up more', () => {
    const counts = new TableCounts(nameOfEvent)
    for (let n = 0; n < 3000; n++) counts.add({ kind: `kind${n}` } as never)
    expect(counts.rows).toHaveLength(1001)
    expect(counts.rows.at(-1)).toMatchObject({ name: '(others)', count: 2000 })
  })

  it('of a rate follows the last seconds', () => {
    const rate = new Rate()
    expect(rate.sample(100, 1000)).toBe(100)
    for (let second = 2; second <= 10; second++) rate.sample(100 + 50 * (second - 1), second * 1000)
    expect(rate.sample(600, 11_000)).toBe(50)
  })
})
