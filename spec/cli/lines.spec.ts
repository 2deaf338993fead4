import { InvalidArgumentError } from 'commander'
import type { JetstreamEvent, TapEvent } from 'rxjs-atproto'
import { fakeJetstream, generateEvents } from 'rxjs-atproto/testing'
import { jetstreamLine, tapLine } from '../../src/cli/lines/readable.js'
import { parseTemplate } from '../../src/cli/lines/template.js'
import { commandTyped } from '../../src/cli/typed.js'
import { cutTo, padTo, widthOf } from '../../src/cli/width.js'
import { Cli, itOnTerminal, linesOf } from './cli.js'

const DID = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const NOON = new Date(2026, 0, 1, 12, 34, 56).getTime()
const NOON_US = NOON * 1000
const WIDE = { columns: 200, ansi: false }

const post = (record: object): JetstreamEvent => ({
  did: DID,
  time_us: NOON_US,
  kind: 'commit',
  commit: {
    rev: '3mbdaaaaaaa22',
    operation: 'create',
    collection: 'app.bsky.feed.post',
    rkey: '3mbdaaaaaaa22',
    record,
    cid: 'bafyreiaaaa',
  },
})

describe('a line to read', () => {
  it('has time, operation, collection, repository and text', () => {
    expect(jetstreamLine(post({ text: 'hello' }), WIDE, NOON)).toBe(
      `12:34:56 create   app.bsky.feed.post         ${DID} hello`,
    )
  })

  it.each([
    [140, '12:34:56 create   app.bsky.feed.post         did:plc:aaaaaaaa…aaaaaaa h'],
    [100, '12:34:56 create   feed.post       did:plc:aaa…aaa h'],
    [79, '12:34:56 +feed.post      did:plc:aa…aa h'],
    [59, '12:34 +post    did:plc:aa…aa h'],
    [40, '12:34 +post    h'],
    [20, '+post    h'],
  ])('drops and shortens the least useful at %i columns', (columns, line) => {
    expect(jetstreamLine(post({ text: 'h' }), { columns, ansi: false }, NOON)).toBe(line)
  })

  it.each([
    [200, '2026-01-01 12:34 create   app'],
    [79, '2026-01-01 +feed.post    did:plc:aa…aa h'],
    [59, '01-01 +post    did:plc:aa…aa h'],
  ])('has the date of an event that is older than a day, at %i columns', (columns, line) => {
    const days = [1.1, -1.1].map((days) => NOON + days * 86_400_000)
    for (const now of days)
      expect(jetstreamLine(post({ text: 'h' }), { columns, ansi: false }, now)).toContain(line)
    expect(jetstreamLine(post({}), { columns, ansi: false }, NOON + 80_000_000)).toMatch(/^12:34/)
  })

  it('leaves half of the width to the text and never wraps, in any alphabet', () => {
    for (const text of ['a', '語', '🦋', '👩\u200d👩\u200d👧 ', '❤\ufe0f', 'e\u0301'].map((c) =>
      c.repeat(300),
    ))
      for (let columns = 60; columns <= 200; columns++)
        for (const now of [NOON, NOON + 1e12]) {
          const line = jetstreamLine(post({ text }), { columns, ansi: false }, now)
          const shown = line.slice(line.indexOf(text.slice(0, 2)))
          expect(widthOf(line)).toBeLessThanOrEqual(columns)
          expect(widthOf(line)).toBeGreaterThanOrEqual(columns - 6)
          if (text.startsWith('語')) expect(widthOf(shown)).toBeGreaterThanOrEqual(columns / 2 - 1)
        }
  })

  it.each([
    [{ subject: { uri: 'at://x', cid: 'y' } }, 'at://x'],
    [{ subject: 'did:plc:b' }, 'did:plc:b'],
    [{ displayName: 'Alice' }, 'Alice'],
    [{ text: '', embed: {} }, '3mbdaaaaaaa22'],
    [{ text: { toString: 1 } }, '3mbdaaaaaaa22'],
  ])('shows the member that says most, or the key: of %j', (record, text) => {
    expect(jetstreamLine(post(record), WIDE)).toMatch(new RegExp(` ${text}$`))
  })

  it('is one line of the width of the terminal, and cannot drive it', () => {
    const line = jetstreamLine(post({ text: `a\n\u001b[2J${'b'.repeat(500)}` }), {
      columns: 100,
      ansi: false,
    })
    expect(line).toHaveLength(100)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be in it
    expect(line).not.toMatch(/[\u0000-\u001f]/)
  })

  it('counts no colour as width', () => {
    const text = { text: 'c'.repeat(500) }
    const colored = jetstreamLine(post(text), { columns: 90, ansi: true })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences of colours
    expect(colored.replaceAll(/\u001b\[\d+m/g, '')).toBe(
      jetstreamLine(post(text), { columns: 90, ansi: false }),
    )
    expect(colored).not.toHaveLength(90)
  })

  it('tells what became of an account, and the handle of an identity', () => {
    const account = { did: DID, seq: 1, time: '2026-01-01T00:00:00Z' }
    const events = [
      { kind: 'account', account: { ...account, active: false, status: 'deleted' } },
      { kind: 'account', account: { ...account, active: true } },
      { kind: 'identity', identity: { ...account, handle: 'alice.test' } },
    ].map((event) => ({ did: DID, time_us: NOON_US, ...event }) as JetstreamEvent)
    expect(events.map((event) => jetstreamLine(event, WIDE).split(' ').at(-1))).toEqual([
      'deleted',
      'active',
      'alice.test',
    ])
  })

  it('shows the events of a Tap alike', () => {
    const record = { id: 1, did: DID, rev: 'r', collection: 'app.bsky.feed.post', rkey: 'k' }
    const lines = [
      { ...record, type: 'record', action: 'create', live: true, record: { text: 'hello' } },
      { ...record, type: 'record', action: 'delete', live: true },
      { id: 2, type: 'identity', did: DID, handle: 'a.test', isActive: false, status: 'deleted' },
    ].map((event) => tapLine(event as unknown as TapEvent, WIDE))
    expect(lines.map((line) => line.slice(9).replaceAll(/ +/g, ' '))).toEqual([
      `create app.bsky.feed.post ${DID} hello`,
      `delete app.bsky.feed.post ${DID} k`,
      `identity ${DID} a.test deleted`,
    ])
  })
})

describe('the width of a text', () => {
  it.each([
    ['abc', 3],
    ['日本', 4],
    ['ｆｕ', 4],
    ['한', 2],
    ['e\u0301', 1],
    ['🦋', 2],
    ['❤', 1],
    ['❤\ufe0f', 2],
    ['می\u200cخواهم', 7],
  ])('%j is the most that a terminal takes for it', (text, columns) => {
    expect(widthOf(text)).toBe(columns)
  })

  it('is cut between characters, and filled', () => {
    expect([cutTo('日本語', 3), padTo('日本語', 3), padTo('a', 3)]).toEqual(['日', '日 ', 'a  '])
    expect(cutTo('🦋🦋', 3)).toBe('🦋')
  })
})

describe('--format', () => {
  it.each([
    ['{did} {commit.record.text}', `${DID} hello world`],
    ['{commit.record.none}|{commit.record}', '|{"text":"hello\\nworld","n":3}'],
    ['{{{commit.record.n}}} {commit.record.text.length}', '{3} '],
    ['{constructor}{commit.toString}{did.0}', ''],
  ])('fills %s', (template, line) => {
    expect(parseTemplate(template)(post({ text: 'hello\nworld', n: 3 }))).toBe(line)
  })

  it.each(['{did', 'did}', '{}', '{commit..text}', '{ }'])('refuses %s', (template) => {
    expect(() => parseTemplate(template)).toThrow(InvalidArgumentError)
  })
})

describe('the command that was typed', () => {
  it.each([
    [{}, ['demo'], 'rxjs-atproto demo'],
    [{ npm_command: 'exec' }, ['demo', '--rate', '5'], 'npx rxjs-atproto demo --rate 5'],
    [
      { npm_lifecycle_event: 'start', npm_command: 'start' },
      ['demo', '--replay', "it's here.ndjson"],
      "npm start --silent -- --replay 'it'\\''s here.ndjson'",
    ],
  ])('with %j and %j is %s', (environment, typed, command) => {
    expect(commandTyped(typed, environment)).toBe(command)
  })
})

describe('rxjs-atproto jetstream', () => {
  const cli = new Cli()
  beforeAll(() => cli.build())
  afterEach(() => cli.killAll())
  afterAll(() => cli.dispose())

  const events = [...generateEvents({ count: 300 })]
  const likes = events.filter(
    (event) => event.kind === 'commit' && event.commit.collection === 'app.bsky.feed.like',
  )
  const read = (url: string, ...flags: readonly string[]) => [
    'jetstream',
    '--host',
    url,
    '--cursor',
    'oldest',
    ...flags,
  ]

  it('writes the events that --grep finds, counts those for --limit, and forms them', async () => {
    await using server = await fakeJetstream({ events, stored: 'all' })
    const grep = ['--grep', '/FEED\\.LIKE"/i', '--limit', '5']
    const json = await cli.run(read(server.url, ...grep))
    expect(linesOf(json.stdout)).toEqual(likes.slice(0, 5))
    const formed = await cli.run(read(server.url, ...grep, '--format', '{did}'))
    expect(formed.stdout).toBe(
      likes
        .slice(0, 5)
        .map(({ did }) => `${did}\n`)
        .join(''),
    )
  })

  it.each([
    ['--grep', '(', /Unterminated group/],
    ['--format', '{did', /Close each brace/],
  ])('refuses %s %s', async (flag, value, message) => {
    const { code, stderr } = await cli.run(['jetstream', flag, value])
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)])
  })

  itOnTerminal('shows lines to read there, and JSON with --json', async () => {
    await using server = await fakeJetstream({ events, stored: 'all' })
    const shown = await cli.onTerminal(read(server.url, '--limit', '3'))
    expect(shown.stdout).toMatch(/\d{4}-\d\d-\d\d.*did:plc:..…../)
    expect(shown.stdout).not.toContain('"time_us"')
    const json = await cli.onTerminal(read(server.url, '--limit', '3', '--json'))
    expect(json.stdout).toContain(`"time_us":${events[0]?.time_us}`)
  })
})
