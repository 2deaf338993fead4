import type { LabelEvent } from 'rxjs-atproto'
import { type FakeLabels, type FakeLabelsOptions, fakeLabels, labelsOf } from 'rxjs-atproto/testing'
import { Cli, itOnTerminal, linesOf } from './cli.js'

const cli = new Cli()
const servers: FakeLabels[] = []

beforeAll(() => cli.build())
afterEach(async () => {
  cli.killAll()
  for (const server of servers.splice(0)) await server.close()
})
afterAll(() => cli.dispose())

async function serve(options: FakeLabelsOptions): Promise<FakeLabels> {
  const server = await fakeLabels({ stored: 'all', ...options })
  servers.push(server)
  return server
}

const fromStart = (server: FakeLabels, ...flags: readonly string[]) =>
  cli.run(['labels', '--host', server.url, '--cursor', 'oldest', ...flags])
const label = (n: number, changes: object = {}) => ({
  src: 'did:plc:l',
  uri: `did:plc:${n}`,
  val: 'spam',
  cts: '2026-01-01T00:00:00.000Z',
  ...changes,
})
const urisOf = (ndjson: string) => (linesOf(ndjson) as readonly LabelEvent[]).map(({ uri }) => uri)

describe('rxjs-atproto labels', () => {
  it('writes each label as a line of JSON, its signature as $bytes, only those', async () => {
    const server = await serve({ events: 200 })
    const sent = server.frames.flatMap(labelsOf)
    const { code, stdout, stderr } = await fromStart(server, '--limit', String(sent.length))

    const written = linesOf(stdout) as readonly LabelEvent[]
    expect(written.map(({ seq: _, ...members }) => members)).toEqual(sent)
    expect(written[0]).toMatchObject({
      seq: expect.any(Number),
      sig: { $bytes: expect.any(String) },
    })
    expect(stderr).toMatch(/^\d+ events in .*, 0 dropped, 0 rejected, 0 gaps, 0 reconnects\n$/)
    expect(code).toBe(0)
  })

  it('resumes from its cursor file: loses nothing, repeats the last line', async () => {
    const server = await serve({ events: [1, 2, 3, 4].map((n) => label(n)) })
    const flags = ['--cursor-file', cli.path('labels.json'), '-q', '--limit']
    const first = await fromStart(server, ...flags, '2')
    const second = await fromStart(server, ...flags, '3')
    expect(urisOf(first.stdout)).toEqual(['did:plc:1', 'did:plc:2'])
    expect(urisOf(second.stdout)).toEqual(['did:plc:2', 'did:plc:3', 'did:plc:4'])
    expect([first.code, second.code]).toEqual([0, 0])
  })

  it('warns of an unreadable label, counts it as lost, and writes the others', async () => {
    const events = [{ labels: [label(1), label(2, { val: 7 }), label(3)] }] as NonNullable<
      FakeLabelsOptions['events']
    >
    const server = await serve({ events })
    const { code, stdout, stderr } = await fromStart(server, '--limit', '2', '--strict')
    expect({ code, uris: urisOf(stdout) }).toEqual({ code: 6, uris: ['did:plc:1', 'did:plc:3'] })
    expect(stderr).toMatch(/^warning: rejected a frame of .* `val` of the label is missing/)
    expect(stderr).toContain('1 rejected')
  })

  it('ends with 2 without a host, 3 for an invalid one, 4 for a refusal', async () => {
    const server = await serve({ faults: [{ onConnect: 1, do: 'refuse', status: 401 }] })
    const [none, wrong, refused] = await Promise.all([
      cli.run(['labels']),
      cli.run(['labels', '--host', 'ftp://x']),
      fromStart(server),
    ])
    expect(none).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--host') })
    expect(wrong).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/^error: CONFIG: --host /),
    })
    expect(refused).toMatchObject({
      code: 4,
      stdout: '',
      stderr: expect.stringMatching(/^error: REFUSED: .*401/),
    })
  })

  it('tells its metrics', async () => {
    const server = await serve({ events: [label(1)] })
    const { code, stderr } = await fromStart(server, '--limit', '1', '--metrics', '-q')
    expect(code).toBe(0)
    expect(linesOf(stderr).at(-1)).toMatchObject({
      written: 1,
      delivered: 1,
      done: 1,
      connection: { state: 'closed' },
    })
  })

  it('runs as the examples of its help say', async () => {
    await cli.runExamples('labels', () => serve({ events: 50, stored: 0 }))
  })

  itOnTerminal(
    'shows a table of what is said on a terminal (skipped where `script` is absent)',
    async () => {
      const server = await serve({
        events: [label(1), label(2), label(3, { neg: true }), label(4, { val: '\u001b[2Jporn' })],
      })
      const { code, stdout } = await cli.onTerminal([
        'labels',
        '--host',
        server.url,
        '--cursor',
        'oldest',
        '--limit',
        '4',
      ])
      expect(code).toBe(0)
      expect(stdout).toMatch(/ {2}spam +2 +\S+\/s +50 %/)
      expect(stdout).toMatch(/ {2}spam \(removed\) +1 +\S+\/s +25 %/)
      expect(stdout).not.toContain('\u001b[2J')
      expect(stdout).not.toContain('{')
    },
  )
})
