import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { JetstreamEvent } from 'rxjs-atproto'
import { fakeJetstream, generateEvents } from 'rxjs-atproto/testing'
import { fixturePath } from '../helpers/recordings.js'
import { Cli, linesOf } from './cli.js'

const cli = new Cli()
const RECORDED = fixturePath('simulator/v1.ndjson')

beforeAll(() => cli.build())
afterEach(() => cli.killAll())
afterAll(() => cli.dispose())

describe('rxjs-atproto demo', () => {
  it('serves and reads events that happen now, until its time is over', async () => {
    const before = Date.now() * 1000
    const { code, stdout, stderr } = await cli.run(['demo', '--for', '1500ms', '--rate', '500'])

    const events = linesOf(stdout) as readonly JetstreamEvent[]
    expect(code).toBe(0)
    expect(events.length).toBeGreaterThan(100)
    expect(events[0]?.time_us).toBeGreaterThanOrEqual(before)
    expect(stderr).toMatch(
      /^\d[\d,]* events {2}[\d,]+\/s {2}lag .* {2}0 dropped {2}open ws:\/\/127\.0\.0\.1/,
    )
    expect(stderr).toMatch(/app\.bsky\.feed\.like +[\d,]+ +[\d,.]+\/s +\d+ % {2}█/)
    expect(stderr).toMatch(/ events in .*, 0 gaps, 0 reconnects\n$/)
  })

  it('takes the flags for lines of the other commands; its table needs none', async () => {
    const limited = ['demo', '--limit', '5']
    const [table, format] = await Promise.all([
      cli.run([...limited, '--table']),
      cli.run([...limited, '--format', 'of {did}']),
    ])
    expect(table).toMatchObject({ code: 0, stderr: expect.stringMatching(/ % {2}█/) })
    expect(linesOf(table.stdout)).toHaveLength(5)
    expect(format).toMatchObject({ code: 0, stdout: expect.stringMatching(/^(of did:.+\n){5}$/) })
    expect(format.stderr).not.toContain('█')
  })

  it('gives the same events for the same seed', async () => {
    const run = async (seed: string) => {
      const { stdout } = await cli.run(['demo', '--limit', '50', '--seed', seed, '-q'])
      return (linesOf(stdout) as readonly JetstreamEvent[]).map(({ did, kind }) => `${did} ${kind}`)
    }
    const [one, same, other] = await Promise.all([run('7'), run('7'), run('8')])
    expect(one).toHaveLength(50)
    expect(same).toEqual(one)
    expect(other).not.toEqual(one)
  })

  it('reads another Jetstream with `--host`', async () => {
    await using server = await fakeJetstream({ events: 20 })
    const { code, stdout } = await cli.run(['demo', '--host', server.url, '--limit', '20', '-q'])
    expect({ code, events: linesOf(stdout) }).toEqual({
      code: 0,
      events: [...generateEvents({ count: 20 })],
    })
  })

  it('ends with 3 for a missing recording, and with 2 for one with a host', async () => {
    const [missing, both] = await Promise.all([
      cli.run(['demo', '--replay', cli.path('missing.ndjson')]),
      cli.run(['demo', '--replay', cli.path('missing.ndjson'), '--host', 'example.com']),
    ])
    expect(missing).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/^error: CONFIG: the recording .*ENOENT/),
    })
    expect(both).toMatchObject({ code: 2, stdout: '' })
  })
})

describe('rxjs-atproto demo --replay', () => {
  const replay = (name: string, text: string, ...flags: readonly string[]) => {
    writeFileSync(cli.path(name), text)
    return cli.run(['demo', '--replay', cli.path(name), ...flags])
  }

  it('gives every event of a file unchanged, in order, over chunks', async () => {
    const events = [...generateEvents({ count: 2048, seed: 3 })]
    const { code, stdout } = await replay(
      'large.ndjson',
      `${events.map((event) => JSON.stringify(event)).join('\n')}\n`,
    )
    expect(code).toBe(0)
    expect(linesOf(stdout)).toEqual(events)
  })

  it('takes blank lines, any alphabet, no last newline; reports what is no event', async () => {
    const [first, last] = [...generateEvents({ count: 2, seed: 9 })].map((event) => ({
      ...event,
      note: 'ö 日本 🦋 \u009b2J \u2028',
    }))
    const { code, stdout, stderr } = await replay(
      'odd.ndjson',
      `\n${JSON.stringify(first)}\r\n\n{"broken":\n${JSON.stringify(last)}`,
      '--strict',
    )
    expect(linesOf(stdout)).toEqual([first, last])
    expect(stderr).toContain('1 rejected')
    expect(code).toBe(6)
  })

  it('ends at once with an empty file, and with a last line that is no event', async () => {
    const [empty, broken] = await Promise.all([
      replay('empty.ndjson', '\n\n', '-q'),
      replay('broken.ndjson', 'no event\n', '-q'),
    ])
    expect(empty).toMatchObject({ code: 0, stdout: '' })
    expect(broken).toMatchObject({ code: 0, stdout: '' })
  })

  it('gives recorded events unchanged', async () => {
    const { code, stdout, stderr } = await cli.run(['demo', '--replay', RECORDED])
    const events = linesOf(readFileSync(RECORDED, 'utf8'))
    expect(events).toHaveLength(417)
    expect(linesOf(stdout)).toEqual(events)
    expect(stderr).toContain('417 events')
    expect(code).toBe(0)
  })
})

describe('rxjs-atproto', () => {
  it('tells its version and its help on stdout', async () => {
    const { version } = JSON.parse(
      readFileSync(resolve(__dirname, '../../package.json'), 'utf8'),
    ) as { version: string }
    const [versions, help, jetstream, demo] = await Promise.all([
      cli.run(['--version']),
      cli.run(['--help']),
      cli.run(['jetstream', '--help']),
      cli.run(['help', 'demo']),
    ])
    expect(versions).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
    for (const { code, stdout } of [help, jetstream, demo]) {
      expect(code).toBe(0)
      expect(stdout).toContain('Examples:')
      expect(stdout).toContain('Exit codes:')
    }
  })
})
