import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type FakeTap, type FakeTapOptions, fakeTap, generateTapEvents } from 'rxjs-atproto/testing'
import { Cli, ended, linesOf } from './cli.js'

const ALICE = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz'
const BOB = 'did:plc:53iucmf5ldftgqyf2ac7hmhd'
const cli = new Cli()
const servers: FakeTap[] = []

beforeAll(() => cli.build())
afterEach(async () => {
  cli.killAll()
  for (const server of servers.splice(0)) await server.close()
})
afterAll(() => cli.dispose())

async function serve(options: FakeTapOptions): Promise<FakeTap> {
  const server = await fakeTap(options)
  servers.push(server)
  return server
}

const withPassword = (password: string) => ({
  env: { ...process.env, TAP_ADMIN_PASSWORD: password },
})
const idsOf = (ndjson: string) =>
  (linesOf(ndjson) as readonly { readonly id: number }[]).map(({ id }) => id)
const ackedIds = ({ acks }: FakeTap) => acks.map(({ id }) => id)

describe('rxjs-atproto tap', () => {
  it('writes each event as one line of JSON, and acks it when it is written', async () => {
    const events = [...generateTapEvents({ count: 300, dids: 20 })]
    const tap = await serve({ events })

    const { code, stdout, stderr } = await cli.run(['tap', '--host', tap.url, '--limit', '300'])

    const written = linesOf(stdout) as { readonly id: number }[]
    expect(written.sort((a, b) => a.id - b.id)).toEqual(
      events.map((event, index) => ({ id: index + 1, ...event })),
    )
    expect(stderr).toMatch(/^300 events in .*, 0 dropped, 0 rejected, 0 gaps, 0 reconnects\n$/)
    expect(code).toBe(0)
    await tap.drained()
  })

  it('resumes where the last run ended: no line is missing or repeated', async () => {
    const tap = await serve({ events: 100, generate: { dids: 10 }, retryTimeoutMs: 300 })
    const run = async () => {
      const { code, stdout } = await cli.run(['tap', '--host', tap.url, '--limit', '50', '-q'])
      expect(code).toBe(0)
      await tap.closed(tap.connections.length)
      return idsOf(stdout)
    }
    const lines = [...(await run()), ...(await run())]
    expect(lines.sort((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 1),
    )
    await tap.drained()
  })

  it('acks the last lines too, however much the server still sends', async () => {
    // Not so much that a busy machine reads it for longer than the second that a close may take.
    const tap = await serve({ events: generateTapEvents({ count: 1_500, live: false }) })
    const { stdout } = await cli.run(['tap', '--host', tap.url, '--limit', '500', '-q'])
    await tap.closed()
    expect(idsOf(stdout)).toHaveLength(500)
    expect([...new Set(ackedIds(tap))].sort((a, b) => a - b)).toEqual(idsOf(stdout))
  })

  it('acks nothing that stdout did not take', async () => {
    const tap = await serve({ events: generateTapEvents({ count: 20_000, live: false }) })
    const child = cli.start(['tap', '--host', tap.url, '-q'])
    // Nobody reads: the pipe fills, and the acks stop.
    await tap.when(() => tap.acks.length > 50)
    child.kill('SIGKILL')
    const { stdout } = await ended(child)
    const whole = new Set(idsOf(stdout.slice(0, stdout.lastIndexOf('\n') + 1)))
    expect(ackedIds(tap).filter((id) => !whole.has(id))).toEqual([])
    expect(tap.outbox.length).toBeGreaterThan(0)
  })

  it('ends well at SIGTERM: what is written is acked', async () => {
    const tap = await serve({ events: 20, generate: { live: false } })
    const child = cli.start(['tap', '--host', tap.url])
    const end = ended(child)
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    await tap.acked(20)
    child.kill('SIGTERM')
    const { code, stdout } = await end
    expect({ code, ids: idsOf(stdout) }).toEqual({ code: 143, ids: ackedIds(tap) })
  })

  it('takes the password from the environment, or from a file', async () => {
    const tap = await serve({
      events: 2,
      generate: { live: false },
      retryTimeoutMs: 200,
      adminPassword: 'p4ss w0rd ✨',
    })
    const file = cli.path('password')
    writeFileSync(file, 'p4ss w0rd ✨\n')
    const first = await cli.run(
      ['tap', '--host', tap.url, '--limit', '1', '-q'],
      withPassword('p4ss w0rd ✨'),
    )
    const second = await cli.run(
      ['tap', '--host', tap.url, '--limit', '1', '-q', '--password-file', file],
      withPassword('wrong'),
    )
    expect([first.code, second.code]).toEqual([0, 0])
  })

  it('has no flag for it, and never shows it', async () => {
    const tap = await serve({ adminPassword: 'right' })
    const refused = await cli.run(
      ['tap', '--host', tap.url, '-v', '--metrics'],
      withPassword('wr0ng'),
    )
    expect(refused.code).toBe(4)
    expect(refused.stderr).toMatch(/"level":"error","message":"REFUSED: .*401/)
    const flag = await cli.run(['tap', '--host', tap.url, '--password', 'wr0ng'])
    const url = await cli.run(['tap', '--host', tap.url.replace('//', '//admin:wr0ng@')])
    expect([flag.code, url.code]).toEqual([2, 3])
    expect(refused.stderr + url.stderr).not.toContain('wr0ng')
  })

  it('ends with 3 without its password file, and with 5 when out of retries', async () => {
    const missing = await cli.run(['tap', '--password-file', cli.path('none')])
    expect(missing).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^error: CONFIG: --password-file cannot be read: .*ENOENT/),
    })
    const tap = await serve({
      events: 1,
      faults: [
        { after: 1, do: 'drop' },
        { onConnect: 2, do: 'refuse' },
      ],
    })
    const { code, stderr } = await cli.run(['tap', '--host', tap.url, '--retries', '1', '-q'])
    expect({ code, stderr }).toEqual({
      code: 5,
      stderr: expect.stringMatching(/^error: RECONNECT_EXHAUSTED/),
    })
  })

  it('shows metrics as lines of JSON on stderr with --metrics', async () => {
    const tap = await serve({ events: 10, generate: { live: false } })
    const limit = ['--limit', '10', '--metrics', '-q']
    const { stderr } = await cli.run(['tap', '--host', tap.url, ...limit])
    expect(linesOf(stderr).at(-1)).toMatchObject({
      written: 10,
      delivered: 10,
      done: 10,
      connection: { state: 'closed' },
    })
  })
})

describe('rxjs-atproto tap repos', () => {
  it('adds, tells and removes repositories', async () => {
    const tap = await serve({ adminPassword: 'secret' })
    const run = (...args: readonly string[]) =>
      cli.run(['tap', 'repos', ...args, '--host', tap.url], withPassword('secret'))

    expect(await run('add', ALICE, BOB)).toEqual({ code: 0, stdout: '', stderr: '2 added\n' })
    expect(tap.repos.map(({ did }) => did)).toEqual([ALICE, BOB])
    const { code, stdout, stderr } = await run('info', ALICE, 'did:plc:unknown')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(linesOf(stdout)).toEqual([
      expect.objectContaining({ did: ALICE, state: 'pending' }),
      null,
    ])
    expect(await run('remove', ALICE, '-q')).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(tap.repos.map(({ did }) => did)).toEqual([BOB])
  })

  it('ends with 2 without a DID, 3 for an invalid one, 4 for a refusal', async () => {
    const tap = await serve({ adminPassword: 'secret' })
    const run = (...args: readonly string[]) =>
      cli.run(['tap', 'repos', 'add', '--host', tap.url, ...args], withPassword('wr0ng'))
    const [none, mistake, refused] = [await run(), await run(ALICE, 'alice'), await run(ALICE)]
    expect([none.code, mistake.code, refused.code]).toEqual([2, 3, 4])
    expect(mistake.stderr).toBe('error: CONFIG: the argument must be a DID, not "alice"\n')
    expect(refused.stderr).toMatch(/^error: REFUSED: .*401.*; check the credentials\n$/)
    expect(refused.stderr).not.toContain('wr0ng')
    expect(tap.repos).toEqual([])
  })

  it('ends with 4 where no Tap is', async () => {
    const tap = await fakeTap()
    await tap.close()
    const { code, stderr } = await cli.run(['tap', 'repos', 'add', '--host', tap.url, ALICE])
    expect({ code, stderr }).toEqual({
      code: 4,
      stderr: expect.stringMatching(/^error: CONNECT: .*ECONNREFUSED/),
    })
  })
})
