import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { JetstreamEvent } from 'rxjs-atproto'
import { fakeJetstream, generateEvents } from 'rxjs-atproto/testing'
import { deep, FRAMES, GOOD } from '../helpers/hostile.js'
import { Cli, type Ended, linesOf, textOf } from './cli.js'

const cli = new Cli()
const COUNT = 1000
const events = [...generateEvents({ count: COUNT })]

beforeAll(() => cli.build())
afterEach(() => cli.killAll())
afterAll(() => cli.dispose())

/** All that it writes, until that is enough; it is stopped then. */
async function until(child: ChildProcess, isEnough: (text: string) => boolean): Promise<Ended> {
  const stderr = textOf(child.stderr)
  let stdout = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    if (isEnough(stdout)) child.kill('SIGTERM')
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr: await stderr }
}

const untilLines = (child: ChildProcess, count: number): Promise<Ended> =>
  until(child, (text) => text.split('\n').length > count)

const untilEvent = (child: ChildProcess, last: JetstreamEvent | undefined): Promise<Ended> =>
  until(child, (text) => text.includes(`"time_us":${last?.time_us}`))

const started = (url: string, ...flags: readonly string[]) =>
  cli.start(['jetstream', '--host', url, '--cursor', 'oldest', ...flags])

describe('rxjs-atproto jetstream into a pipe, where nobody looks into an event', () => {
  it('writes the text of wire v1 as the server wrote it', async () => {
    const texts = events.map((event) => `${JSON.stringify(event).replaceAll('<', '\\u003c')} `)
    await using server = await fakeJetstream({ server: 'legacy', events: texts, stored: 'all' })
    const { stdout, stderr, code } = await untilLines(started(server.url), COUNT)
    expect(stdout).toBe(texts.map((text) => `${text.trimEnd()}\n`).join(''))
    expect(stderr).toMatch(/^1,000 events in/)
    expect(code).toBe(143)
  })

  it.each(['legacy', 'v2'] as const)(
    'writes the events that --limit writes, of a %s server',
    async (kind) => {
      await using server = await fakeJetstream({ server: kind, events, stored: 'all' })
      // Its own wire, as a host that is given by its name.
      const whole = await untilLines(started(server.host), COUNT)
      const one = await cli.run([
        ...['jetstream', '--host', server.host, '--cursor', 'oldest'],
        ...['--limit', `${COUNT}`],
      ])
      expect(linesOf(whole.stdout)).toEqual(linesOf(one.stdout))
      expect(linesOf(whole.stdout)).toHaveLength(COUNT)
    },
  )

  it('writes an unreadable record in the same way, between others', async () => {
    const records = [GOOD, GOOD, deep(65), GOOD, deep(100_000), GOOD]
    const frames = records.map((record, index) => FRAMES.v1(index + 1, record))
    await using server = await fakeJetstream({ events: frames, stored: 'all' })
    const { stdout, stderr } = await untilLines(started(server.url, '--strict', '-v'), 6)
    const commits = (linesOf(stdout) as { commit: { rkey: string; problem?: string } }[]).map(
      ({ commit }) => [commit.rkey, commit.problem, 'record' in commit],
    )
    const [good, bad] = [
      [undefined, true],
      ['record-unreadable', false],
    ]
    expect(commits).toEqual(
      [good, good, bad, good, bad, good].map((of, index) => [`${index + 1}`, ...of]),
    )
    expect(stderr.match(/is written without its record: /g)).toHaveLength(2)
  })

  it('goes on after a record of wire v2 that is no JSON, and tells it', async () => {
    const noJson = { ...GOOD, json: '{"a":01}' }
    const frames = [GOOD, noJson, GOOD].map((record, index) => FRAMES.v2(index + 1, record))
    await using server = await fakeJetstream({ server: 'v2', events: frames, stored: 'all' })
    const { stdout, stderr } = await untilLines(started(server.host, '-v'), 3)
    const commits = (linesOf(stdout) as { commit: { rkey: string; problem?: string } }[]).map(
      ({ commit }) => [commit.rkey, commit.problem],
    )
    expect(commits).toEqual([
      ['1', undefined],
      ['2', 'record-unreadable'],
      ['3', undefined],
    ])
    expect(stderr.match(/is written without its record: /g)).toHaveLength(1)
  })

  it('goes on in the next run from its cursor file, and loses nothing', async () => {
    await using server = await fakeJetstream({ events, stored: 'all' })
    const file = cli.path('passed.json')
    const first = await untilLines(started(server.url, '--cursor-file', file), 300)
    const next = await untilLines(started(server.url, '--cursor-file', file), 1)
    const times = (text: string) => (linesOf(text) as JetstreamEvent[]).map((e) => e.time_us)
    const [written, again] = [times(first.stdout), times(next.stdout)]
    expect(written).toEqual(events.slice(0, written.length).map((e) => e.time_us))
    // At least the last line comes again.
    expect(again[0]).toBeLessThanOrEqual(written.at(-1) ?? 0)
  })
})

describe('rxjs-atproto jetstream into a pipe', () => {
  it('writes each event once over a failover', async () => {
    const startUs = (Date.now() - 120_000) * 1000
    const log = [...generateEvents({ count: 300, startUs, everyUs: 100_000 })]
    const faults = [
      { after: 200, do: 'drop' },
      { onConnect: 2, times: Number.POSITIVE_INFINITY, do: 'refuse', status: 503 },
    ] as const
    await using one = await fakeJetstream({ events: log.slice(0, 200), stored: 'all', faults })
    await using two = await fakeJetstream({ events: log, stored: 'all' })
    const { stdout } = await untilEvent(started(`${one.url},${two.url}`), log.at(-1))
    const times = (linesOf(stdout) as JetstreamEvent[]).map(({ time_us }) => time_us)
    expect(times).toEqual(log.map(({ time_us }) => time_us))
  })

  it('reads a list of DIDs that a proxy refuses as too long for the URL of wire v2', async () => {
    const log = [...generateEvents({ count: 100 })]
    const dids = [...new Set(log.map(({ did }) => did))]
    while (dids.length < 200) dids.push(`did:plc:${String(dids.length).padStart(24, 'a')}`)
    const faults = [{ onConnect: 1, do: 'refuse', status: 414 }] as const
    await using server = await fakeJetstream({ server: 'v2', events: log, stored: 'all', faults })
    const url = `${server.host}/xrpc/network.bsky.jetstream.subscribeEvents`
    const { stdout, stderr } = await untilEvent(started(url, '--dids', dids.join()), log.at(-1))
    expect(stderr).not.toContain('too long')
    expect(linesOf(stdout)).toHaveLength(log.length)
  })
})
