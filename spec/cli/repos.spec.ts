import { once } from 'node:events'
import { type FakeRepos, type FakeReposOptions, fakeRepos } from 'rxjs-atproto/testing'
import { Cli, ended, itOnTerminal, linesOf } from './cli.js'

const cli = new Cli()
const servers: FakeRepos[] = []

beforeAll(() => cli.build())
afterEach(async () => {
  cli.killAll()
  for (const server of servers.splice(0)) await server.close()
})
afterAll(() => cli.dispose())

async function serve(options: FakeReposOptions): Promise<FakeRepos> {
  const server = await fakeRepos(options)
  servers.push(server)
  return server
}

const run = (server: FakeRepos, ...flags: readonly string[]) =>
  cli.run(['repos', '--host', server.url, ...flags])

describe('rxjs-atproto repos', () => {
  it('writes each repository as a line of JSON, and exits with 0 at the end', async () => {
    const server = await serve({ repos: 2500 })
    const { code, stdout, stderr } = await run(server)
    expect(linesOf(stdout)).toEqual(server.repos)
    expect(stderr).toMatch(/^2,500 events in .*, 0 dropped, 0 rejected, 0 gaps, 0 reconnects\n$/)
    expect(code).toBe(0)
  })

  it('asks for pages of `--page-size`, from `--cursor` on, until `--limit`', async () => {
    const server = await serve({ repos: 300 })
    const first = await run(server, '--page-size', '100', '--limit', '150', '-q')
    expect({ code: first.code, repos: linesOf(first.stdout) }).toEqual({
      code: 0,
      repos: server.repos.slice(0, 150),
    })
    const cursor = server.requests[1]?.cursor ?? ''
    const { stdout } = await run(server, '--cursor', cursor, '-q')
    expect(linesOf(stdout)).toEqual(server.repos.slice(100))
    expect(server.requests.map(({ limit }) => limit).slice(0, 2)).toEqual(['100', '100'])
  })

  it('resumes at the cut page, and lists nothing after the end but with --restart', async () => {
    const server = await serve({ repos: 300 })
    const flags = ['--page-size', '100', '--cursor-file', cli.path('repos.json'), '-q']
    const first = await run(server, ...flags, '--limit', '150')
    const second = await run(server, ...flags)
    const asked = server.requests.length
    const third = await run(server, ...flags)
    expect(linesOf(first.stdout)).toEqual(server.repos.slice(0, 150))
    expect(linesOf(second.stdout)).toEqual(server.repos.slice(100))
    expect(third).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(server.requests).toHaveLength(asked)
    const restarted = await run(server, ...flags, '--restart')
    expect(linesOf(restarted.stdout)).toEqual(server.repos)
    expect([first.code, second.code, restarted.code]).toEqual([0, 0, 0])
  })

  it('waits as the server asks, and counts unreadable repos as lost (--strict)', async () => {
    const server = await serve({
      repos: 10,
      faults: [
        { onRequest: 1, do: 'refuse', status: 429, headers: { 'retry-after': '0' } },
        { onRequest: 2, do: 'spoil', index: 3, repo: { did: 'me' } },
      ],
    })
    const { code, stdout, stderr } = await run(server, '--strict')
    expect({ code, lines: linesOf(stdout).length }).toEqual({ code: 6, lines: 9 })
    expect(stderr).toMatch(/warning: REFUSED: .*429.*; retry 1 in /)
    expect(stderr).toMatch(/warning: rejected a frame of .* `did` is no DID/)
  })

  it('ends with 2, 3, 4 or 5 if it cannot start or continue', async () => {
    const refused = await serve({ faults: [{ onRequest: 1, do: 'refuse', status: 404 }] })
    const broken = await serve({ repos: 200, faults: [{ onRequest: 2, do: 'reset', times: 2 }] })
    const looping = await serve({ repos: 200, faults: [{ onRequest: 1, do: 'loop' }] })
    const runs = await Promise.all([
      cli.run(['repos', '--page-size', '0']),
      cli.run(['repos', '--page-size', '1001', '--cursor', '']),
      run(refused),
      run(broken, '--page-size', '100', '--retries', '1', '-q'),
      run(looping, '--page-size', '100', '-q'),
    ])
    expect(runs.map(({ code }) => code)).toEqual([2, 3, 4, 5, 5])
    expect(runs[1]?.stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^error: CONFIG: --(page-size|cursor) /),
      expect.stringMatching(/^error: CONFIG: --(page-size|cursor) /),
    ])
    expect(runs[3]?.stderr).toMatch(/^error: RECONNECT_EXHAUSTED: /)
    expect(runs[4]?.stderr).toMatch(/^error: CURSOR_LOOP: /)
  })

  it('ends well at SIGINT before the end of the list, and asks for no more', async () => {
    const server = await serve({ repos: 20_000, faults: [{ onRequest: 3, do: 'hang' }] })
    const child = cli.start(['repos', '--host', server.url, '--cursor-file', cli.path('cut.json')])
    const end = ended(child)
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    await server.when(() => server.requests.length === 3)
    child.kill('SIGINT')
    const { code, stdout } = await end
    expect({ code, repos: linesOf(stdout) }).toEqual({
      code: 130,
      repos: server.repos.slice(0, 2000),
    })
    const next = await run(server, '--cursor-file', cli.path('cut.json'), '-q')
    expect(linesOf(next.stdout)).toEqual(server.repos.slice(2000))
  })

  it('runs as the examples of its help say', async () => {
    await cli.runExamples('repos', () => serve({ repos: 50 }))
  })

  itOnTerminal(
    'shows a table of how they are on a terminal (skipped where `script` is absent)',
    async () => {
      const [did, head, rev] = ['did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', 'bafy', '3k']
      const repos = [
        { active: true },
        { active: true },
        { active: false, status: 'takendown' },
        { active: false },
        {},
      ]
      const server = await serve({ repos: repos.map((repo) => ({ did, head, rev, ...repo })) })
      const { code, stdout } = await cli.onTerminal(['repos', '--host', server.url])
      expect(code).toBe(0)
      expect(stdout).toMatch(/ {2}active +2 +\S+\/s +40 %/)
      for (const name of ['takendown', 'not active', 'unknown'])
        expect(stdout).toMatch(new RegExp(`  ${name} +1 +\\S+/s +20 %`))
      expect(stdout).not.toContain('{')
    },
  )
})
