import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import { fileCursorStore } from 'rxjs-atproto/cursors/file'
import { type FakeJetstreamOptions, fakeJetstream, generateEvents } from 'rxjs-atproto/testing'
import { fieldsOf } from '../../src/cli/cursor-fields.js'
import { fieldLines } from '../../src/cli/fields.js'
import { parsePast } from '../../src/cli/parse.js'
import { readPosition, setPosition, takesTimes, timeOf } from '../../src/cli/stored-position.js'
import { Cli, linesOf } from './cli.js'

const HOST = 'wss://jetstream.example/'
const NOON = Date.UTC(2026, 10, 30, 12)
const live = (position: number, time_us = NOON * 1000, more = {}) =>
  JSON.stringify({ host: HOST, position, time_us, ...more })

describe('a stored position', () => {
  it.each([
    [live(5), NOON],
    [live(NOON * 1000, 0), NOON],
    [live(5, 0), undefined],
    ['{"pages":2,"cursor":"abc"}', undefined],
    ['24', undefined],
  ])('%s has the time %s', (text, time) => {
    expect(timeOf(readPosition(text))).toBe(time)
  })

  it('is set to a number, beside the filter of its stream, and its time is unknown then', () => {
    const held = readPosition(live(5, 7, { filter: { kinds: ['commit'] }, delivered: [] }))
    expect(JSON.parse(setPosition('24', held))).toEqual({
      host: HOST,
      position: 24,
      time_us: 0,
      filter: { kinds: ['commit'] },
    })
  })

  it('that is a time names no host, since another log has other events at a time', () => {
    const time = NOON * 1000
    expect(JSON.parse(setPosition(String(time), readPosition(live(5))))).toEqual({
      host: '',
      position: time,
      time_us: time,
    })
  })

  it('of a page, or of a format of its own, is set as it is typed', () => {
    const page = readPosition('{"pages":2,"cursor":"abc"}')
    expect(setPosition('{"pages":0,"cursor":"a"}', page)).toBe('{"pages":0,"cursor":"a"}')
    expect(setPosition('at 24', readPosition('at 23'))).toBe('at 24')
  })

  it.each([
    [live(5), 'x'],
    [live(5), '-1'],
    [live(5), '1.5'],
    [live(5), String(NOON)],
    ['{"pages":2,"completed":true}', '24'],
  ])('%s is not set to %s', (held, typed) => {
    expect(() => setPosition(typed, readPosition(held))).toThrow(InvalidArgumentError)
  })
})

it('only a Jetstream starts at a time', () => {
  const keys = [
    'jetstream/auto wss://a/',
    'jetstream "n"',
    'firehose wss://a/',
    'labels a',
    'repos',
  ]
  expect(keys.filter(takesTimes)).toEqual(keys.slice(0, 2))
})

it('a time in the future is refused', () => {
  expect(() => parsePast('2999-01-01')).toThrow(/future/)
  expect(parsePast('2026-01-01T00:00:00Z')).toEqual(new Date('2026-01-01T00:00:00Z'))
  expect(Date.now() - parsePast('10m').getTime()).toBeGreaterThan(590_000)
})

describe('what cursor show shows', () => {
  const saved = { key: 'jetstream/auto wss://a/', position: live(24), savedAt: new Date(NOON) }
  const lock = { pid: 4, host: 'box', process: 'runs', touchedAt: new Date(NOON) } as const
  const shown = (state: Parameters<typeof fieldsOf>[1]) =>
    Object.fromEntries(fieldsOf('./cursor.json', state, NOON + 90_000))

  it('is the stream, its position, time and age, and the owner of the lock', () => {
    expect(shown({ saved, lock })).toEqual({
      file: './cursor.json',
      stream: 'jetstream/auto wss://a/',
      host: HOST,
      position: '24',
      time: '2026-11-30T12:00:00.000Z (1.5 m ago)',
      saved: '2026-11-30T12:00:00.000Z (1.5 m ago)',
      lock: 'of process 4 on box, which runs (touched 1.5 m ago)',
    })
  })

  it.each([
    [undefined, /^none/],
    [{ ...lock, process: 'ended' }, /the next run takes it over/],
    [{ ...lock, process: 'unknown' }, /cannot be seen from here/],
    [{ ...lock, pid: undefined }, /an unknown process/],
  ] as const)('says of the lock %j that it is %s', (one, text) => {
    expect(shown({ saved, lock: one }).lock).toMatch(text)
  })

  it('has its values in a column of the width', () => {
    const fields = [
      ['a', 'one two three four'],
      ['long', '0123456789abcdef'],
    ] as const
    expect(fieldLines(fields, 18)).toEqual([
      'a     one two',
      '      three four',
      'long  0123456789a…',
    ])
  })
})

describe('rxjs-atproto cursor', () => {
  const cli = new Cli()
  beforeAll(() => cli.build())
  afterEach(() => cli.killAll())
  afterAll(() => cli.dispose())

  const startUs = (Date.now() - 3_600_000) * 1000
  const events = [...generateEvents({ count: 600, startUs, everyUs: 1_000_000 })]
  const readOn = (url: string, path: string) =>
    cli.run(['jetstream', '--host', url, '--cursor-file', path, '--limit', '5'])

  it.each<FakeJetstreamOptions['server']>(['legacy', 'v2'])(
    'moves the position of a Jetstream to a time, and the next run starts there: %s',
    async (server = 'legacy') => {
      const path = cli.path(`${server}.json`)
      await using fake = await fakeJetstream({ events, stored: 'all', server })
      const url = fake.host
      const from = ['jetstream', '--host', url, '--cursor-file', path, '--limit', '5']
      await cli.run([...from, '--cursor', 'oldest'])
      const time = new Date(startUs / 1000 + 300_000)
      const moved = await cli.run(['cursor', 'from-time', path, time.toISOString()])
      expect(moved).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(/now: /) })
      const { stdout, stderr } = await readOn(url, path)
      const [first] = linesOf(stdout) as { readonly time_us: number }[]
      const early = time.getTime() * 1000 - (first?.time_us ?? 0)
      expect(early).toBeGreaterThanOrEqual(0)
      expect(early).toBeLessThanOrEqual(11_000_000)
      expect(stderr).toMatch(/^5 events in .* 0 gaps, 0 reconnects\n$/)
    },
  )

  it('shows and sets the position, and refuses a file in use', async () => {
    const path = cli.path('cursor.json')
    const store = fileCursorStore(path)
    await store.save('firehose wss://a/', live(24))
    const shown = await cli.run(['cursor', 'show', path, '--json'])
    expect(JSON.parse(shown.stdout)).toMatchObject({
      key: 'firehose wss://a/',
      position: 24,
      lock: { pid: process.pid, process: process.platform === 'linux' ? 'runs' : 'unknown' },
    })
    const refused = await cli.run(['cursor', 'set', path, '23'])
    expect(refused).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/is in use by process/),
    })
    await store.close()
    const set = await cli.run(['cursor', 'set', path, '23'])
    expect(set.code).toBe(0)
    expect(JSON.parse(readFileSync(path, 'utf8')).position).toBe(
      JSON.stringify({ host: HOST, position: 23, time_us: 0 }),
    )
    expect(existsSync(`${path}.lock`)).toBe(false)
    const timed = await cli.run(['cursor', 'from-time', path, '10m'])
    expect(timed).toMatchObject({ code: 2, stderr: expect.stringMatching(/takes no times/) })
  })

  it('ends with 3 for a file that is missing, or another', async () => {
    const other = cli.path('other.json')
    writeFileSync(other, '{}')
    const missing = await cli.run(['cursor', 'show', cli.path('missing.json')])
    expect(missing).toMatchObject({ code: 3, stderr: expect.stringMatching(/does not exist/) })
    const wrong = await cli.run(['cursor', 'set', other, '5'])
    expect(wrong).toMatchObject({ code: 3, stderr: expect.stringMatching(/not a cursor file/) })
  })
})
