import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { JetstreamEvent } from 'rxjs-atproto'
import {
  type FakeJetstream,
  type FakeJetstreamOptions,
  fakeArchive,
  fakeJetstream,
  generateEvents,
} from 'rxjs-atproto/testing'
import { Cli, ended, lineOf, linesOf, textOf } from './cli.js'

const cli = new Cli()
const servers: FakeJetstream[] = []

beforeAll(() => cli.build())
afterEach(async () => {
  cli.killAll()
  for (const server of servers.splice(0)) await server.close()
})
afterAll(() => cli.dispose())

async function serve(options: FakeJetstreamOptions): Promise<FakeJetstream> {
  const server = await fakeJetstream(options)
  servers.push(server)
  return server
}

const wholeLines = (ndjson: string) => linesOf(ndjson.slice(0, ndjson.lastIndexOf('\n') + 1))

describe('rxjs-atproto jetstream --archive', () => {
  it('writes history, then live events; --dry-run prints what that downloads', async () => {
    await using server = await fakeArchive({
      events: 200,
      sealed: 150,
      retainEvents: 60,
      apiKey: 'secret',
    })
    const args = ['jetstream', '--host', server.host, '--archive', '--cursor', 'oldest']
    const environment = { env: { ...process.env, JETSTREAM_API_KEY: 'secret' } }
    const dry = await cli.run([...args, '--dry-run'], environment)
    expect(JSON.parse(dry.stdout)).toMatchObject({ from: 0, tip: 150, wholeSegments: 2 })
    expect(dry.stderr).toMatch(/^about [\d.]+ MiB: 2 segments, 2 of them whole/)
    expect(dry.code).toBe(0)
    expect(server.requests.filter(({ url }) => url.includes('getSegment'))).toEqual([])
    const { code, stdout } = await cli.run([...args, '--limit', '200'], environment)
    expect(linesOf(stdout)).toEqual(server.events)
    expect(code).toBe(0)
    const { code: usage } = await cli.run([...args.slice(0, 4), '--dry-run'], environment)
    expect(usage).toBe(2)
  })
})

describe('rxjs-atproto jetstream writes', () => {
  it('each event as one line of JSON on stdout, and nothing else there', async () => {
    const events = [...generateEvents({ count: 1000, seed: 5 })]
    const { url } = await serve({ events })

    const { code, stdout, stderr } = await cli.run(['jetstream', '--host', url, '--limit', '1000'])

    expect(linesOf(stdout)).toEqual(events)
    expect(stdout.split('\n')).toHaveLength(1001)
    expect(stderr).toMatch(/^1,000 events in .*, 0 dropped, 0 rejected, 0 gaps, 0 reconnects\n$/)
    expect(code).toBe(0)
  })

  it('half of a surrogate pair as the escape that was received', async () => {
    const [event] = [...generateEvents({ count: 1, seed: 5 })]
    const halves = { ...event, note: 'a\ud800b', '\udc00': 1 }
    const { url } = await serve({ events: [JSON.stringify(halves)] })
    const { stdout } = await cli.run(['jetstream', '--host', url, '--limit', '1', '-q'])
    expect(stdout).toContain('"note":"a\\ud800b"')
    expect(linesOf(stdout)).toEqual([halves])
  })

  it('exactly as many as `--limit` says, and nothing on stderr with `-q`', async () => {
    const { url } = await serve({ events: 5000 })
    const { code, stdout, stderr } = await cli.run([
      'jetstream',
      '--host',
      url,
      '--limit',
      '7',
      '-q',
    ])
    expect({ code, lines: linesOf(stdout).length, stderr }).toEqual({
      code: 0,
      lines: 7,
      stderr: '',
    })
  })

  it('for as long as `--for` says', async () => {
    const { url } = await serve({})
    const { code, stdout } = await cli.run(['jetstream', '--host', url, '--for', '100ms'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  })

  it('what the filters ask the server for', async () => {
    const server = await serve({ events: 10 })
    const filters = [
      '--collections',
      'app.bsky.feed.post,app.bsky.graph.*',
      '--collections',
      'a.b.c',
      '--dids',
      'did:plc:one,did:web:two',
    ]
    const cursor = ['--cursor', '1767225600000000']
    cli.start(['jetstream', '--host', server.url, ...cursor, ...filters])

    const { params } = await server.connected()
    expect(params.getAll('wantedCollections')).toEqual([
      'app.bsky.feed.post',
      'app.bsky.graph.*',
      'a.b.c',
    ])
    expect(params.getAll('wantedDids')).toEqual(['did:plc:one', 'did:web:two'])
    expect(params.get('cursor')).toBe('1767225600000000')
  })

  it('only the kinds that are asked for', async () => {
    const { url } = await serve({ events: 2000 })
    const { stdout } = await cli.run([
      'jetstream',
      '--host',
      url,
      '--kinds',
      'identity,account',
      '--limit',
      '20',
    ])
    const kinds = new Set(linesOf(stdout).map((event) => (event as JetstreamEvent).kind))
    expect(kinds).toEqual(new Set(['identity', 'account']))
  })

  it('metrics as lines of JSON on stderr with `--metrics`, the last one at the end', async () => {
    const { url } = await serve({ events: 3000, ratePerSecond: 2000 })
    const { stdout, stderr } = await cli.run([
      'jetstream',
      '--host',
      url,
      '--limit',
      '3000',
      '--metrics',
      '-q',
    ])

    const metrics = linesOf(stderr) as {
      written: number
      delivered: number
      done: number
      connection: { state: string }
    }[]
    expect(metrics.length).toBeGreaterThanOrEqual(2)
    // Metrics of the second before would know of fewer events than are written.
    expect(metrics[0]?.written).toBeGreaterThan(0)
    for (const { written, delivered } of metrics) expect(written).toBeLessThanOrEqual(delivered)
    expect(metrics.at(-1)).toMatchObject({
      written: 3000,
      delivered: 3000,
      done: 3000,
      connection: { state: 'closed' },
    })
    expect(linesOf(stdout)).toHaveLength(3000)
  })
})

describe('rxjs-atproto jetstream ends', () => {
  it('quietly and with 0 when the reader of stdout goes away', async () => {
    const { url } = await serve({ events: generateEvents() })
    const { code, stdout, stderr } = await cli.shell(
      `$CLI jetstream --host ${url} | head -1; exit "\${PIPESTATUS[0]}"`,
    )
    expect({ code, lines: linesOf(stdout).length, stderr }).toEqual({
      code: 0,
      lines: 1,
      stderr: '',
    })
  })

  it('with 2 for a command line that it cannot read', async () => {
    const wrong = [
      ['jetsream'],
      [],
      ['jetstream', '--lmit', '1'],
      ['jetstream', '--for', 'soon'],
      ['jetstream', '--kinds', 'post'],
    ]
    const runs = await Promise.all(wrong.map((args) => cli.run(args)))
    expect(runs.map(({ code, stdout }) => [code, stdout])).toEqual(wrong.map(() => [2, '']))
    expect(runs[3]?.stderr).toContain('--for')
  })

  it('with 3 for a bad config, each mistake with its flag', async () => {
    const { code, stderr } = await cli.run([
      'jetstream',
      '--host',
      'ftp://x',
      '--collections',
      'app.bsky.feed.post,post',
      '--dids',
      'me',
    ])
    expect(code).toBe(3)
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^error: CONFIG: --host .*ftp:\/\/x/),
      expect.stringMatching(/^error: CONFIG: --collections .*"post"/),
      expect.stringMatching(/^error: CONFIG: --dids .*"me"/),
    ])
  })

  it('with 3 for a cursor file that is torn, and leaves it as it is', async () => {
    const path = cli.path('torn.json')
    writeFileSync(path, '{"version":1,')
    const { url } = await serve({ events: 10 })

    const { code, stdout, stderr } = await cli.run([
      'jetstream',
      '--host',
      url,
      '--cursor-file',
      path,
    ])

    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toMatch(
      /^error: CURSOR_STORE: .*torn\.json.*; see (npx )?rxjs-atproto explain CURSOR_STORE\n$/,
    )
    expect(readFileSync(path, 'utf8')).toBe('{"version":1,')
  })

  it('with 4 when no connection was open within `--connect-timeout`', async () => {
    const { url } = await serve({
      faults: [{ onConnect: 1, do: 'refuse', times: Number.POSITIVE_INFINITY }],
    })
    const { code, stderr } = await cli.run([
      'jetstream',
      '--host',
      url,
      '--connect-timeout',
      '300ms',
      '-q',
    ])
    expect(code).toBe(4)
    expect(stderr).toMatch(
      /^error: NEVER_CONNECTED: no connection within 300 ms .*503.*doctor ws:\S+` says why\n$/,
    )
  })

  it('with 4 when no connection was open until `--for` ended the run', async () => {
    const { url } = await serve({
      faults: [{ onConnect: 1, do: 'refuse', times: Number.POSITIVE_INFINITY }],
    })
    const { code, stderr } = await cli.run(['jetstream', '--host', url, '--for', '300ms', '-q'])
    expect(code).toBe(4)
    expect(stderr).toMatch(
      /^error: NEVER_CONNECTED: no connection within 300 ms \(--for\).*503.*` says why\n$/,
    )
  })

  it('with 4 when the first answer is a refusal for good', async () => {
    const { url } = await serve({ faults: [{ onConnect: 1, do: 'refuse', status: 401 }] })
    const { code, stderr } = await cli.run(['jetstream', '--host', url])
    expect(code).toBe(4)
    expect(stderr).toMatch(/^error: REFUSED: .*401/)
  })

  it('with 5 when the retries are used up, or a later answer is a refusal for good', async () => {
    const drop = { after: 10, do: 'drop' } as const
    const retried = await serve({
      events: 10,
      faults: [drop, { onConnect: 2, do: 'refuse', times: Number.POSITIVE_INFINITY }],
    })
    const refused = await serve({
      events: 10,
      faults: [drop, { onConnect: 2, do: 'refuse', status: 401 }],
    })

    const runs = await Promise.all([
      cli.run(['jetstream', '--host', retried.url, '--retries', '1', '-q']),
      cli.run(['jetstream', '--host', refused.url, '-q']),
    ])

    expect(runs.map(({ code, stdout }) => [code, linesOf(stdout).length])).toEqual([
      [5, 10],
      [5, 10],
    ])
    expect(runs[0]?.stderr).toMatch(/^error: RECONNECT_EXHAUSTED: .*--retries/)
    expect(runs[1]?.stderr).toMatch(/^error: REFUSED: .*401/)
  })

  it('with 6 when something was lost and `--strict` is given, and warns either way', async () => {
    const faults = [{ after: 5, do: 'garbage', frame: 'no \u001b[2J JSON' }] as const
    const [strict, loose] = await Promise.all([
      serve({ events: 10, faults }),
      serve({ events: 10, faults }),
    ])

    const runs = await Promise.all([
      cli.run(['jetstream', '--host', strict.url, '--limit', '10', '--strict']),
      cli.run(['jetstream', '--host', loose.url, '--limit', '10']),
    ])

    expect(runs.map(({ code, stdout }) => [code, linesOf(stdout).length])).toEqual([
      [6, 10],
      [0, 10],
    ])
    for (const { stderr } of runs) {
      expect(stderr).toMatch(/warning: rejected a frame/)
      expect(stderr).not.toContain('\u001b')
    }
  })

  it('with 7 when stdout has no room', async () => {
    const { url } = await serve({ events: 100 })
    const full = openSync('/dev/full', 'w')
    const { code, stderr } = await cli.run(['jetstream', '--host', url, '-q'], {
      stdio: ['ignore', full, 'pipe'],
    })
    closeSync(full)
    expect(code).toBe(7)
    expect(stderr).toMatch(/^error: SINK: .*ENOSPC.*\n$/)
  })

  it('with 7 when the cursor file cannot be saved at the end', async () => {
    const folder = cli.path('gone')
    mkdirSync(folder)
    const { url } = await serve({ events: 3000, ratePerSecond: 3000 })
    const child = cli.start([
      'jetstream',
      '--host',
      url,
      '--limit',
      '3000',
      '--cursor-file',
      `${folder}/cursor.json`,
    ])
    const end = ended(child)
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    // At once: what is written into it meanwhile would be in the way of removing it.
    renameSync(folder, cli.path('renamed'))
    const { code, stderr } = await end
    expect(stderr).toMatch(/error: CURSOR_STORE: the last checkpoint could not be saved/)
    expect(code).toBe(7)
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('well at %s, with a summary and %i', async (signal, expected) => {
    const { url } = await serve({ events: generateEvents(), ratePerSecond: 1000 })
    const child = cli.start(['jetstream', '--host', url])
    const end = ended(child)
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    child.kill(signal)
    const { code, stdout, stderr } = await end

    expect(code).toBe(expected)
    const written = linesOf(stdout).length
    expect(written).toBeGreaterThan(0)
    expect(stderr.replace(/,/g, '')).toMatch(new RegExp(`^${written} events in`))
  })

  it('at once at a second signal, when stdout takes nothing', async () => {
    const { url } = await serve({ events: generateEvents() })
    const child = cli.start(['jetstream', '--host', url, '-v'])
    await lineOf(child.stderr, (line) => line.startsWith('paused'))
    const startedAt = performance.now()
    const signals = setInterval(() => child.kill('SIGINT'), 50)
    const [code] = await once(child, 'exit')
    clearInterval(signals)
    expect(code).toBe(130)
    expect(performance.now() - startedAt).toBeLessThan(15_000)
  })
})

describe('rxjs-atproto jetstream --cursor-file', () => {
  it('resumes where the last run ended: loses nothing, repeats the last line', async () => {
    const events = [...generateEvents({ count: 1000 })]
    const { url } = await serve({ events, stored: 'all' })
    const run = (limit: number) =>
      cli.run([
        'jetstream',
        '--host',
        url,
        '--cursor',
        'oldest',
        '--cursor-file',
        cli.path('cursor.json'),
        '--limit',
        String(limit),
      ])

    const first = await run(400)
    const second = await run(601)

    expect(linesOf(first.stdout)).toEqual(events.slice(0, 400))
    expect(linesOf(second.stdout)).toEqual(events.slice(399))
    expect([first.code, second.code]).toEqual([0, 0])
  })

  it('has the owner of --cursor-host, which takes over from one that ended', async () => {
    const { url } = await serve({ events: generateEvents({ count: 10 }) })
    const path = cli.path('owned.json')
    writeFileSync(`${path}.lock`, '{"pid":999999999,"host":"indexer","token":"t"}')
    const flags = ['jetstream', '--host', url, '--limit', '1', '--cursor-host', 'indexer']
    const run = await cli.run([...flags, '--cursor-file', path])
    expect([run.code, linesOf(run.stdout)]).toEqual([0, [...generateEvents({ count: 1 })]])
    expect(run.stderr).toContain('was taken over from process 999999999 on indexer')
    const alone = await cli.run(flags)
    expect([alone.code, alone.stderr]).toEqual([
      2,
      'error: --cursor-host names the owner of a --cursor-file: give both\n',
    ])
  })

  it('with --name goes on where it was, with another filter', async () => {
    const events = [...generateEvents({ count: 400 })]
    const { url } = await serve({ events, stored: 'all' })
    const run = async (collections: string, ...flags: readonly string[]) => {
      const file = ['--cursor-file', cli.path('named.json'), '--name', 'mine']
      const start = ['jetstream', '--host', url, '--cursor', 'oldest', '--limit', '20']
      const { code, stdout, stderr } = await cli.run([
        ...start,
        ...file,
        '--collections',
        collections,
        ...flags,
      ])
      const times = (linesOf(stdout) as readonly JetstreamEvent[]).map(({ time_us }) => time_us)
      return { code, stderr, first: times[0] ?? 0, last: times.at(-1) ?? 0 }
    }
    const likes = await run('app.bsky.feed.like')
    const wider = await run('app.bsky.feed.*')
    expect(wider.first).toBeGreaterThanOrEqual(likes.last)
    expect(wider.stderr).toMatch(/warning: .*\(--on-filter-change backfill reads/)
    const all = await run('app.bsky.*', '--on-filter-change', 'backfill')
    expect(all.first).toBeLessThan(likes.last)
    expect([likes.code, wider.code, all.code]).toEqual([0, 0, 0])
  })

  it('is never past an unwritten line: a full stdout pauses, a kill loses nothing', async () => {
    const server = await serve({ events: generateEvents({ count: 60_000 }) })
    const path = cli.path('killed.json')
    const child = cli.start(['jetstream', '--host', server.url, '--cursor-file', path, '--metrics'])
    await lineOf(
      child.stderr,
      (line) => line.includes('"state":"paused"') && /"checkpoint":\d/.test(line),
    )
    child.kill('SIGKILL')
    const written = wholeLines(await textOf(child.stdout))
    expect(written.length).toBeGreaterThan(0)
    expect(server.sent).toBeLessThan(60_000)

    const [next] = [...generateEvents({ count: written.length + 1 })].slice(-1)
    const again = await cli.run([
      'jetstream',
      '--host',
      server.url,
      '--cursor-file',
      path,
      '--limit',
      '1',
    ])
    const [first] = linesOf(again.stdout) as readonly JetstreamEvent[]
    expect(first?.time_us).toBeLessThanOrEqual(next?.time_us ?? 0)
  })
})
